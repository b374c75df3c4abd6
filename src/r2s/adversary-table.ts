// The adversaries of a switch that are made from options, by their names in the API: see attacks/table.ts.
import { attackRow } from '../attacks/frame/attack-row.ts'
import { arc, arcRows } from './arc.ts'
import { ascentRows } from './ascent-attack.ts'
import { ensembleLogits, ensembleProbs } from './ensemble.ts'
import { eot } from './eot.ts'
import { eotApgd, eotApgdRows } from './eot-apgd.ts'

const eps = 8 / 255

export const adversaryTable = {
  eot: attackRow(eot, ascentRows, { eps }, false),
  ensembleLogits: attackRow(ensembleLogits, ascentRows, { eps }, false),
  ensembleProbs: attackRow(ensembleProbs, ascentRows, { eps }, false),
  eotApgd: attackRow(eotApgd, eotApgdRows, { eps }, false),
  arc: attackRow(arc, arcRows, { eps }, false),
} as const
