/** Ports `first` to `last`, both included, 0 to 65535. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

/** A port number 0 to 65535 from decimal text, or `null`. */
export function parsePort(text: string): number | null {
  if (!/^\d{1,5}$/.test(text)) return null
  const port = Number(text)
  return port <= 65535 ? port : null
}

/** Reads `80` or `8000:8100`, Calico's form of a range (api/pkg/lib/numorstring); `null` when it is neither. */
export function parsePortRange(text: string): PortRange | null {
  const [firstText, lastText, ...rest] = text.split(':')
  if (firstText === undefined || rest.length > 0) return null
  const first = parsePort(firstText)
  const last = lastText === undefined ? first : parsePort(lastText)
  if (first === null || last === null || first > last) return null
  return {first, last}
}
