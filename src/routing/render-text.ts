export function block(head: string, body: readonly string[], close = '}'): string[] {
  return [`${head} {`, ...body.map((line) => `  ${line}`), close]
}

/** BIRD's strings have no escapes: what cannot be written must have been refused before it came here. */
export function quoted(text: string): string {
  if (!/^[ !#-~]*$/.test(text)) throw new Error(`BIRD cannot quote ${JSON.stringify(text)}`)
  return `"${text}"`
}

/** A name that is no string, such as a device's after `%`. */
export function symbol(name: string): string {
  if (!/^[a-zA-Z0-9_.:-]+$/.test(name)) throw new Error(`BIRD cannot name ${JSON.stringify(name)}`)
  return `'${name}'`
}
