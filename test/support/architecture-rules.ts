import path from 'node:path'
import {blankNonCode, type Import, importsOf, type SourceFile} from './source-scan.ts'

/** Decide nothing but what their input says: no time, no random, no process, no socket. */
const PURE_MIDDLE = [
  'config',
  'decode',
  'federate',
  'policy',
  'routing',
  'tunnels',
  'export',
  'writeback',
  'diagnose',
  'site',
] as const
const PURE: ReadonlySet<string> = new Set([
  'net',
  'model',
  'selectors',
  'yaml',
  ...PURE_MIDDLE,
  'documents',
  'plan',
  'diff',
])

const PURE_BASE = ['net', 'model', 'selectors'] as const
const EFFECT_BASE = ['net', 'model', 'metrics'] as const
const EFFECTS = ['certificates', 'etcd', 'observe', 'probe', 'apply', 'store', 'api'] as const

/**
 * What each station may import. `net → model → selectors → {…} → plan → diff → {gateway, cli}` and
 * `net → model → metrics → bird → {…} → gateway`; siblings in a brace do not know each other.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  net: [],
  model: ['net'],
  selectors: ['net', 'model'],
  // Positions in texts that people write, for whoever judges such texts.
  yaml: [],
  ...Object.fromEntries(PURE_MIDDLE.map((station) => [station, PURE_BASE])),
  config: [...PURE_BASE, 'yaml'],
  // Judges documents before they are stored, by those who will read them.
  documents: [...PURE_BASE, 'yaml', 'decode', 'policy'],
  plan: [...PURE_BASE, ...PURE_MIDDLE],
  diff: [...PURE_BASE, ...PURE_MIDDLE, 'plan'],
  metrics: ['net', 'model'],
  bird: EFFECT_BASE,
  ...Object.fromEntries(EFFECTS.map((station) => [station, [...EFFECT_BASE, 'bird']])),
  // documents for datastores that are files (decision 0039).
  gateway: [...EFFECT_BASE, 'selectors', ...PURE_MIDDLE, 'documents', 'plan', 'diff', 'bird', ...EFFECTS],
  // What BIRD and the drain say of this gateway, for a process of its own beside the daemon (decision 0074).
  takeover: [...EFFECT_BASE, 'bird', 'observe', 'store'],
  // etcd for `snapshot save`, which must work without a gateway (decision 0004), for documents (0080) and users (0081);
  // store for what a site that leaves has left behind, and for what of the last known state counts in a plan that is made anew (0100).
  // probe for `watch-lan`, a process of its own beside the daemon (decision 0066); bird and observe for `diagnose`, which looks
  // where no daemon answers (0106).
  cli: [
    ...[...PURE_BASE, 'yaml', ...PURE_MIDDLE, 'documents', 'plan', 'diff'],
    ...['certificates', 'etcd', 'probe', 'store', 'bird', 'observe', 'takeover'],
  ],
  console: [],
}

/** The one file of `api` that the outside uses: whoever asks a gateway asks through it. */
const CLIENT = 'src/api/client.ts'
const USES_CLIENT: readonly string[] = ['cli', 'console']

/** Inside `policy/`, left to right; the oracle is the compiler's referee. */
const POLICY_PARTS: Readonly<Record<string, readonly string[]>> = {
  classes: [],
  compile: ['classes'],
  oracle: [],
}

const IMPURE_LIBRARIES: ReadonlySet<string> = new Set(['pino', 'prom-client', 'etcd3', 'netlink', 'koffi', 'commander'])

const IMPURE_CODE: readonly {readonly pattern: RegExp; readonly reason: string}[] = [
  {
    pattern: /(?<![.\w$])(?:async|await)(?![\w$])/,
    reason: 'whoever waits can be overtaken: pure stations are synchronous',
  },
  {pattern: /(?<![.\w$])Date(?![\w$])/, reason: 'time comes in as a value, or equal inputs give unequal plans'},
  {
    pattern: /(?<![.\w$])Math\.random(?![\w$])/,
    reason: 'random comes in as a value, or a failing test cannot be repeated',
  },
  {pattern: /(?<![.\w$])(?:process|globalThis)(?![\w$:])/, reason: 'the environment is read at the edges'},
  {
    pattern: /(?<![.\w$])(?:setTimeout|setInterval|setImmediate|queueMicrotask|performance|fetch|console)(?![\w$:])/,
    reason: 'timers, clocks, sockets and logs belong to the edges',
  },
]

const FORBIDDEN_NAMES = /(?:^|[/.-])(?:utils?|helpers?|common|managers?)(?=[/.-])/
const FORBIDDEN_CODE: readonly {readonly pattern: RegExp; readonly reason: string}[] = [
  {pattern: /\bas unknown as\b/, reason: 'a type that has to be forced is wrong'},
  {pattern: /\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}/, reason: 'an error that nobody sees is a bug that nobody finds'},
]

const MAX_LINES = 400
const MIN_ESSAY_LINES = 8

/** Every breach of the house rules in these files, as `PATH:LINE: what; why`, sorted. `paths` are all files that exist. */
export function violations(files: readonly SourceFile[]): string[] {
  const paths = new Set(files.map((file) => file.path))
  const found = files.flatMap((file) => [
    ...shapeOf(file),
    ...(file.path.startsWith('src/') ? [...importRules(file, paths), ...codeRules(file)] : []),
  ])
  return [...found, ...essayRules(files, paths)].sort()
}

function shapeOf({path: file, text}: SourceFile): string[] {
  const found: string[] = []
  const lines = text.split('\n').length - 1
  if (lines > MAX_LINES) found.push(`${file}:1: ${lines} lines; over ${MAX_LINES} a file holds more than one thing`)
  if (FORBIDDEN_NAMES.test(file)) found.push(`${file}:1: a name that says nothing; name it after what it holds`)
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+)+$/.test(path.basename(file))) {
    found.push(`${file}:1: not kebab-case; one spelling, so that a name can be guessed`)
  }
  return found
}

/** `src/policy/compile/x.ts` → `policy`; what lies in `src/` itself has none. */
function stationOf(file: string): string {
  return /^src\/([^/]+)\//.exec(file)?.[1] ?? ''
}

function importRules(file: SourceFile, paths: ReadonlySet<string>): string[] {
  const station = stationOf(file.path)
  const found: string[] = []
  if (!(station in MAY_IMPORT))
    found.push(`${file.path}:1: no station of the house; add it to MAY_IMPORT with its place`)
  for (const imported of importsOf(file.text)) {
    const reason = imported.specifier.startsWith('.')
      ? relativeImport(file.path, imported, paths)
      : libraryImport(station, imported)
    if (reason) found.push(`${file.path}:${imported.line}: ${imported.specifier}; ${reason}`)
  }
  return found
}

function relativeImport(from: string, {specifier}: Import, paths: ReadonlySet<string>): string | null {
  const target = path.posix.join(path.posix.dirname(from), specifier)
  if (target === 'package.json') return null
  if (!target.startsWith('src/')) return 'lab, test, bench and scripts are never shipped'
  const [own, other] = [stationOf(from), stationOf(target)]
  if (own === other) return own === 'policy' ? (policyImport(from, target) ?? insideImport(from, target, paths)) : null
  if (target === CLIENT && USES_CLIENT.includes(own)) return null
  if (!(MAY_IMPORT[own] ?? []).includes(other)) return `${own} may not know ${other}: data flows one way`
  return insideImport(from, target, paths)
}

/** The nearest folder with an index.ts around the target is closed to all that lie outside it. */
function insideImport(from: string, target: string, paths: ReadonlySet<string>): string | null {
  let folder = path.posix.dirname(target)
  while (folder !== 'src' && !paths.has(`${folder}/index.ts`)) folder = path.posix.dirname(folder)
  const index = `${folder}/index.ts`
  if (folder === 'src' || target === index || from.startsWith(`${folder}/`)) return null
  return `only ${index} is public, so that the inside can change`
}

function policyImport(from: string, target: string): string | null {
  const [own, other] = [from, target].map((file) => /^src\/policy\/([^/]+)\//.exec(file)?.[1])
  if (own === undefined || other === undefined || own === other) return null
  const allowed = POLICY_PARTS[own]
  if (allowed === undefined || allowed.includes(other)) return null
  return own === 'oracle' ? 'a referee must not play' : `policy/${own} may not know policy/${other}`
}

function libraryImport(station: string, {specifier, clause}: Import): string | null {
  if (!PURE.has(station)) return null
  if (specifier === 'node:crypto' && clause.replace(/[{}\s]/g, '') === 'createHash') return null
  if (specifier.startsWith('node:')) return `${station} is pure: of Node only createHash`
  return IMPURE_LIBRARIES.has(specifier) ? `${station} is pure: no library that touches the world` : null
}

function codeRules({path: file, text}: SourceFile): string[] {
  const rules = PURE.has(stationOf(file)) ? [...IMPURE_CODE, ...FORBIDDEN_CODE] : FORBIDDEN_CODE
  const found: string[] = []
  const code = blankNonCode(text)
  for (const {pattern, reason} of rules) {
    const match = pattern.exec(code)
    if (match) found.push(`${file}:${code.slice(0, match.index).split('\n').length}: ${match[0]}; ${reason}`)
  }
  const ignored = /@ts-(?:ignore|expect-error|nocheck)/.exec(text)
  if (ignored) found.push(`${file}:1: ${ignored[0]}; the compiler is right until shown otherwise`)
  return found
}

/** Each station opens with its essay, in its own index.ts or, where it is only a shelf, in those of its parts. */
function essayRules(files: readonly SourceFile[], paths: ReadonlySet<string>): string[] {
  const found: string[] = []
  for (const station of new Set(files.map((file) => stationOf(file.path)).filter((name) => name !== ''))) {
    const own = `src/${station}/index.ts`
    const parts = files.filter(
      (file) => /^src\/[^/]+\/[^/]+\/index\.ts$/.test(file.path) && stationOf(file.path) === station,
    )
    const essays = paths.has(own) ? files.filter((file) => file.path === own) : parts
    if (essays.length === 0) found.push(`${own}:1: missing; a station has one way in`)
    for (const {path: file, text} of essays) {
      const lines = /^\/\*\*[\s\S]*?\*\//.exec(text)?.[0].split('\n').length ?? 0
      if (lines < MIN_ESSAY_LINES) {
        found.push(`${file}:1: its essay has ${lines} lines; what comes in, what goes out, and why so`)
      }
    }
  }
  return found
}
