/** In the place of a secret. */
export const REDACTED = '***'

/** Shorter ones would take half of every text with them, and keep nobody out. */
export const SHORTEST_SECRET = 4

/**
 * Takes every secret out of a text: those that are known, by their value, wherever they stand and however they are
 * written; and what looks like one by where it stands, for those that nobody told us. Texts are bytes, a character each
 * (latin1), so that nothing is lost and nothing hides in another encoding.
 */
export function redact(text: string, known: readonly string[]): string {
  // Values first: a shape that lies inside a secret would leave the rest of it.
  return redactShapes(redactValues(text, known))
}

/**
 * Every way in which a known secret may stand in a text: as it is, in JSON, in a URL, in base64, in hexadecimal; of one of
 * several lines each line too, since logs and listings cut them.
 */
export function spellings(secret: string): string[] {
  const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
  const lines = secret.split(/\r?\n/).map((line) => line.trim())
  // The first and last line of a PEM file are everybody's.
  const parts = [secret.trim(), ...lines].filter(
    (part) => part.length >= SHORTEST_SECRET && !/^-----.*-----$/.test(part),
  )
  const all = parts.flatMap((part) => [
    part,
    JSON.stringify(part).slice(1, -1),
    encodeURIComponent(part.toWellFormed()),
    ...base64Cores(part),
    Buffer.from(part, 'utf8').toString('hex'),
    Buffer.from(part, 'utf8').toString('hex').toUpperCase(),
  ])
  return [...new Set(all.map(bytes))].filter((spelling) => spelling.length >= SHORTEST_SECRET)
}

/** In base64 a text looks different at each of three offsets; what is sure at each is told. */
function base64Cores(part: string): string[] {
  const content = Buffer.from(part, 'utf8')
  return [0, 1, 2].flatMap((offset) => {
    const coded = Buffer.concat([Buffer.alloc(offset), content]).toString('base64')
    const first = offset === 0 ? 0 : offset + 1
    const sure = coded.replace(/=+$/, '').slice(first, Math.floor(((offset + content.length) * 8) / 6))
    return sure.length >= 2 * SHORTEST_SECRET ? [sure, sure.replaceAll('+', '-').replaceAll('/', '_')] : []
  })
}

function redactValues(text: string, known: readonly string[]): string {
  // The longest first: one that holds another must not be cut in two by it.
  const values = [...new Set(known.flatMap(spellings))].sort((a, b) => b.length - a.length)
  return values.reduce((rest, value) => rest.replaceAll(value, REDACTED), text)
}

/** What stands behind these words is nobody's business. */
const NAMES =
  'pass(?:word|wd|phrase)?|secret|token|api[_-]?key|private[_ -]?key|pre[_-]?shared[_ -]?key|psk|stable_secret|fastopen_key|authorization|cookie|auth_pass'

const SHAPES: readonly (readonly [RegExp, string])[] = [
  // A key in PEM, whole; or its rest, where the beginning was cut off, or the end.
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g, REDACTED],
  [/(?:^|\n)(?:[A-Za-z0-9+/=]{16,}\r?\n)*-----END [A-Z0-9 ]*PRIVATE KEY-----/g, `\n${REDACTED}`],
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:\\n|[A-Za-z0-9+/=\\])*(?:-----END [A-Z0-9 ]*PRIVATE KEY-----)?/g, REDACTED],
  // https://user:password@host
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+@/gi, `$1${REDACTED}@`],
  // A token that says of itself what it is.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g, REDACTED],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${REDACTED}`],
  // name: "value", name = value, name value; a mapping or a path behind it is none.
  [new RegExp(`((?:${NAMES})["']?\\s*[:=]\\s*)"(?:[^"\\\\\\n]|\\\\.)*"`, 'gi'), `$1"${REDACTED}"`],
  [new RegExp(`((?:${NAMES})["']?\\s*[:=]\\s*)'[^'\\n]*'`, 'gi'), `$1'${REDACTED}'`],
  [new RegExp(`((?:${NAMES})["']?\\s*[:=]\\s*)(?![\\s"'{\\[/*])[^\\s,;}\\]]+`, 'gi'), `$1${REDACTED}`],
  // BIRD and others: `password "value"`, `auth_pass value`.
  [/(\bpassword\s+)"(?:[^"\\\n]|\\.)*"/gi, `$1"${REDACTED}"`],
  [/(\b(?:auth_pass|password)\s+)(?!["'*])[^\s;]{4,}(?=\s*;?\s*$)/gim, `$1${REDACTED}`],
]

const redactShapes = (text: string): string => SHAPES.reduce((rest, [shape, by]) => rest.replace(shape, by), text)
