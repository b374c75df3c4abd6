// Why a data set was not found in a folder, and what to do.
import { open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { readReason } from '../files/read-file.ts'
import type { CatalogueEntry } from './catalogue.ts'
import { entriesOf, filesIn, findBelow, folderAbove, foldersBelow } from './find-files.ts'
import { foreignContent } from './foreign-content.ts'

const archiveName = /\.(tar|tgz|zip|7z|rar|tar\.(gz|bz2|xz|zst)|tbz2?|txz)$/i

/**
 * Sentences that explain why none of `entries` was found in `dir`.
 * @param all the whole catalogue
 */
export async function explainAbsence(
  dir: string,
  entries: readonly CatalogueEntry[],
  all: readonly CatalogueEntry[],
): Promise<string> {
  const howToGet = entries.length === 1 ? ` To get it, ${entries[0].howToGet}.` : ''
  const info = await stat(dir).catch((error: NodeJS.ErrnoException) => error)
  if (info instanceof Error) {
    if (info.code === 'ENOENT') return `There is no folder ${dir}.${howToGet}`
    return `Cannot read ${dir}: ${readReason(info.code) ?? info.message}.`
  }
  if (!info.isDirectory()) return explainFile(dir, info.isFile(), entries)
  const unreadable = await whyUnreadable(dir)
  if (unreadable !== undefined) return `Cannot read ${dir}: ${unreadable}.`
  for (const entry of entries) {
    const above = await folderAbove(entry, dir)
    if (above !== undefined) return `The files of ${entry.info.name} lie in ${above}: give that folder.`
  }
  const recognised = await explainContent(dir, entries, all)
  if (recognised !== undefined) return recognised
  const names = (await entriesOf(dir)).map(({ name }) => name)
  const archive = names.find(name => archiveName.test(name))
  if (archive !== undefined) return explainArchive(join(dir, archive), entries[0])
  if (names.length === 0) return `${dir} is empty.${howToGet}`
  return entries.length === 1
    ? `${dir} holds none of its files.${howToGet}`
    : `${dir} holds no data set that rst reads; see rst data list.`
}

/** What is in or below `dir` in place of the data set; undefined where nothing is recognised. */
export async function explainContent(
  dir: string,
  entries: readonly CatalogueEntry[],
  all: readonly CatalogueEntry[],
): Promise<string | undefined> {
  const folders = [dir, ...(await foldersBelow(dir)).map(({ folder }) => folder)]
  for (const folder of folders) {
    const names = (await entriesOf(folder)).map(({ name }) => name)
    for (const entry of entries) {
      const version = entry.otherVersions.find(({ files }) =>
        files.every(file => names.some(name => file.test(name))),
      )
      if (version !== undefined) return wrongVersion(folder, version.is, entry)
      const archive = names.find(name => archiveName.test(name) && isArchiveOf(entry, name))
      if (archive !== undefined) return explainArchive(join(folder, archive), entry)
    }
  }
  for (const other of all.filter(entry => !entries.includes(entry))) {
    const found = await findBelow(other, dir).catch(() => undefined)
    if (found === undefined) continue
    return `${found.folder} holds ${other.info.name}, not ${entries.map(({ info }) => info.name).join(' or ')}: ask for ${other.info.name}, or give another folder.`
  }
  return undefined
}

async function explainFile(
  path: string,
  isRegular: boolean,
  entries: readonly CatalogueEntry[],
): Promise<string> {
  if (!isRegular) return `${path} is neither a folder nor a file but a pipe, socket or device.`
  if (archiveName.test(path)) return explainArchive(path, entries[0])
  for (const entry of entries) {
    const { paths } = await filesIn(dirname(path), entry.files)
    if ([...paths.values()].includes(path)) {
      return `${path} is one of the files of ${entry.info.name}: give its folder, ${dirname(path)}.`
    }
    const version = entry.otherVersions.find(({ files }) => files[0].test(basename(path)))
    if (version !== undefined) return wrongVersion(path, version.is, entry)
  }
  const content = await contentOfFile(path)
  return content === undefined
    ? `${path} is a file: give the folder of the data files.`
    : `${path} is ${content}; then give the folder of the data files.`
}

function explainArchive(path: string, entry: CatalogueEntry): string {
  const version = entry.otherVersions.find(({ archive }) => archive.test(basename(path)))
  if (version !== undefined) return wrongVersion(path, version.is, entry)
  const folder = dirname(path)
  const command = /\.zip$/i.test(path)
    ? `unzip ${path} -d ${folder}`
    : /\.(7z|rar)$/i.test(path)
      ? `7z x ${path} -o${folder}`
      : `tar -xf ${path} -C ${folder}`
  return `${path} is an archive: unpack it with ${command}, then give the folder of the unpacked files.`
}

function wrongVersion(where: string, version: string, { info, howToGet, reads }: CatalogueEntry): string {
  return `${where} is ${version} of ${info.name}; ${reads} is needed: ${howToGet}.`
}

function isArchiveOf({ subfolders, info }: CatalogueEntry, name: string): boolean {
  return [info.name, ...subfolders].some(word => name.toLowerCase().includes(word.toLowerCase()))
}

async function contentOfFile(path: string): Promise<string | undefined> {
  const file = await open(path).catch(() => undefined)
  try {
    const read = await file?.read(Buffer.alloc(512), 0, 512, 0)
    return read && foreignContent(read.buffer.subarray(0, read.bytesRead))
  } finally {
    await file?.close()
  }
}

async function whyUnreadable(dir: string): Promise<string | undefined> {
  return readdir(dir).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => readReason(error.code) ?? error.message,
  )
}
