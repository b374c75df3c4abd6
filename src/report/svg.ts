// SVG elements as text.

export type Attributes = Record<string, string | number>

/** An element with its content, which is markup already. */
export function element(name: string, attributes: Attributes, ...content: readonly string[]): string {
  const list = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${escapeText(typeof value === 'number' ? short(value) : value)}"`,
  )
  return content.length
    ? `<${name}${list.join('')}>${content.join('')}</${name}>`
    : `<${name}${list.join('')}/>`
}

export function text(
  x: number,
  y: number,
  content: string,
  { anchor = 'start', ...attributes }: Attributes & { anchor?: 'start' | 'middle' | 'end' } = {},
): string {
  return element('text', { x, y, 'text-anchor': anchor, ...attributes }, escapeText(content))
}

function escapeText(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}

const short = (value: number) => String(Math.round(value * 100) / 100)
