import assert from 'node:assert/strict'
import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import type {Command} from 'commander'
import {stringify} from 'yaml'
import {createApiClient} from '../../src/api/client.ts'
import {remotely} from '../../src/cli/remote-gateway.ts'
import {declareProgram} from '../../src/cli/run-cli.ts'
import {parseGatewayConfig, parseInterconnect} from '../../src/config/index.ts'
import {readDocuments, validateDocuments} from '../../src/documents/index.ts'
import {wrongWith} from '../support/declared-command.ts'
import {readGuide, type Said, wordsOf} from '../support/guide-text.ts'

/** What guides say to type and to write is what there is. */
const ROOT = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8')
const pagesIn = (folder: string): string[] =>
  readdirSync(path.join(ROOT, folder)).flatMap((file) => (file.endsWith('.md') ? [`${folder}/${file}`] : []))
const PAGES = [
  ...['README.md', 'docs/concepts.md', 'terraform/README.md'],
  ...['docs/how-to', 'docs/operate', 'docs/runbooks'].flatMap(pagesIn),
]

const program = (): Command => {
  const nobody = new AbortController().signal
  const context = {
    ...{out: () => undefined, err: () => undefined, progress: () => undefined, become: () => undefined},
    ...{api: createApiClient, clock: {nowMs: () => 0, sleep: async () => undefined}, env: {}},
    ...{terminal: {out: false, err: false}, until: nobody},
  }
  return declareProgram(context, () => undefined, remotely(context).options)
}

async function wrongCommands(page: string): Promise<string[]> {
  const {typed, named} = readGuide(page)
  const wrong: string[] = []
  const look = async ({text, line}: Said, isWhole: boolean): Promise<void> => {
    const found = await wrongWith(program(), wordsOf(text), isWhole)
    wrong.push(...found.map((what) => `${line}: isthmus ${text}: ${what}`))
  }
  for (const one of typed) await look(one, true)
  for (const one of named) await look(one, false)
  return wrong
}

const METRICS = new Set(
  [...read('docs/reference/metrics.md').matchAll(/^\| `(isthmus_\w+)`/gm)].map(([, name]) => name),
)
const KEYS = [...read('docs/reference/configuration.md').matchAll(/^\| `([^`]+)`/gm)].map(([, key]) => key!)
const SOURCES = readdirSync(path.join(ROOT, 'src'), {recursive: true, encoding: 'utf8'})
  .filter((file) => file.endsWith('.ts'))
  .map((file) => read(`src/${file}`))
  .join('\n')

const wrongMetrics = (page: string): string[] =>
  [...page.matchAll(/\bisthmus_[a-z]\w*/g)].flatMap(([name]) => {
    const isSome = name.endsWith('_') && [...METRICS].some((one) => one!.startsWith(name))
    return isSome || METRICS.has(name.replace(/_(?:bucket|sum|count)$/, '')) ? [] : [`no metric ${name}`]
  })

/** `sites.b.translate` is `sites.NAME.translate`; `pools.encapsulation` may leave out what stands before it. */
function wrongKeys(page: string): string[] {
  // Its keys are those of interconnect.yaml.
  if (page.startsWith('# Gateways in clouds')) return []
  const heads = new Set(KEYS.map((key) => key.split('.')[0]!.replace('[]', '')))
  return readGuide(page).words.flatMap(({text, line}) => {
    if (
      !/^[a-z]\w*(?:\[\])?(?:\.\w+(?:\[\])?)+(?<!\.(?:yaml|json|pem|key))$/.test(text) ||
      !heads.has(text.split(/[.[]/)[0]!)
    )
      return []
    const generic = text.replaceAll('[]', '').replace(/^sites\.\w+/, 'sites.NAME')
    return KEYS.some((key) => `${key.replaceAll('[]', '')}.`.startsWith(`${generic}.`))
      ? []
      : [`${line}: no key ${text}`]
  })
}

/** Codes of findings and values of keys: whatever has a hyphen within stands in the code between quotes. */
const wrongCodes = (page: string): string[] =>
  readGuide(page).words.flatMap(({text, line}) =>
    /^[a-z]+(?:-[a-z0-9]+)+$/.test(text) && !NOT_OURS.has(text) && !new RegExp(`['\`"|]${text}['\`"|]`).test(SOURCES)
      ? [`${line}: nothing is called ${text}`]
      : [],
  )

/** Of others. */
const NOT_OURS = new Set(['vx-submariner', 'calico-node', 'a-for-b', 'b-for-a'])

function wrongYaml({text, line}: Said): string[] {
  const whole = text
    .replaceAll(/\{ *… *\}/g, '{}')
    .replaceAll(/, …/g, '')
    .replace(/[0-9A-F:]+…/, 'ab'.repeat(32))
  const value = readDocuments([{file: 'x', text: whole}]).documents[0]?.value as Record<string, unknown> | undefined
  const found = (findings: readonly {detail: string; where: object}[]): string[] =>
    findings.map(({detail, where}) => `${line}: ${JSON.stringify(where)} ${detail}`)
  if (value?.apiVersion) {
    const ours = readDocuments([{file: 'x', text: whole}]).documents.filter(({value: one}) => {
      const {kind} = one as {kind: string}
      return kind !== 'Node' && kind !== 'BGPFilter'
    })
    if (ours.length === 0) return []
    return found(
      validateDocuments([{file: 'x', text: ours.map(({value: one}) => stringify(one)).join('---\n')}]).findings,
    )
  }
  if (value?.inner) return found(parseInterconnect(whole, 'x').findings)
  const {findings} = parseGatewayConfig(whole, 'x')
  if (value?.version) return found(findings)
  return found(findings.filter(({detail}) => !/missing/.test(detail)))
}

/** Commands between backticks in what the programs say: remedies, findings, hints. */
const SAID_BY_US = [
  ...[...SOURCES.matchAll(/\\`isthmus ([^`\\]+)\\`/g)].map(([, text]) => text!.replaceAll(/\$\{[^}]*\}/g, 'X')),
  ...[...SOURCES.matchAll(/'[^'\n]*'/g)].flatMap(([text]) =>
    [...text.matchAll(/`isthmus ([^`]+)`/g)].map(([, words]) => words!),
  ),
]

/** Units of ours, by the files that the package, the image and Terraform's modules bring, and pages have in full. */
const UNITS = new Set(
  ['appliance', 'terraform'].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), {recursive: true, encoding: 'utf8'}).map((file) => path.basename(file)),
  ),
)
const wrongUnits = (page: string): string[] =>
  [...page.matchAll(/(?:-u |systemctl [a-z -]*)(isthmus[\w-]*)(\.\w+)?/g)]
    .map(([, name, kind = '.service']) => name! + kind)
    .filter((unit) => !UNITS.has(unit))
    .map((unit) => `no unit ${unit}`)

/** What is looked for in the journal is what the daemon writes there; a word in capitals stands for a name. */
const wrongSearches = (page: string): string[] =>
  [...page.matchAll(/journalctl -u isthmus [^\n|]*\| grep (?:-E )?(?:'([^']+)'|(\S+))/g)].flatMap(
    ([line, quoted, bare]) =>
      (quoted ?? bare!)
        .split('|')
        .filter((words) => !LOGGED.some((message) => message.includes(words)))
        .map((words) => `${line}: the log never says ${words}`),
  )

const LOGGED = [...SOURCES.matchAll(/\blog\.(?:info|warn|error)\((?:\{[^}]*\}, )?'([^']+)'/g)].map(([, text]) => text!)

describe('guides', () => {
  for (const page of PAGES) {
    const text = read(page)
    it(`${page}: commands`, async () => assert.deepEqual(await wrongCommands(text), []))
    it(`${page}: configuration`, () => assert.deepEqual(readGuide(text).yaml.flatMap(wrongYaml), []))
    it(`${page}: units, and what is looked for in the journal`, () =>
      assert.deepEqual([...wrongUnits(text), ...wrongSearches(text)], []))
    it(`${page}: names`, () =>
      assert.deepEqual(
        [...wrongMetrics(text), ...wrongKeys(text), ...(page.includes('how-to') ? wrongCodes(text) : [])],
        [],
      ))
  }

  it('commands that messages name are accepted', async () => {
    assert.ok(SAID_BY_US.length > 40, `${SAID_BY_US.length}`)
    const wrong = await Promise.all(
      [...new Set(SAID_BY_US)].map(async (text) =>
        (await wrongWith(program(), wordsOf(text), false)).map((what) => `isthmus ${text}: ${what}`),
      ),
    )
    assert.deepEqual(wrong.flat(), [])
  })
})
