import assert from 'node:assert/strict'
import {
  CONFIG_STEPS,
  CONFIG_VERSION,
  type ConfigStep,
  migrateConfig,
  parseGatewayConfig,
} from '../../src/config/index.ts'

/** Two versions that never were: a key is renamed, then a single value becomes a list. */
const STEPS: readonly ConfigStep[] = [
  {
    from: 1,
    what: 'asn is called as',
    apply: (document) => {
      const value = document.get('asn')
      document.delete('asn')
      document.set('as', value)
    },
  },
  {
    from: 2,
    what: 'own is a list, and called owns',
    apply: (document) => {
      const value = document.get('own')
      document.delete('own')
      document.set('owns', [value])
    },
  },
]
const OLD = `# the gateway in Lyon
version: 1
site: a # ours
asn: 65001
own: 10.1.0.0/16
`
const migrate = (text: string) => migrateConfig(text, {steps: STEPS, version: 3})

describe('migration of gateway.yaml', () => {
  it('takes every step from where a file stands, and keeps comments', () => {
    assert.deepEqual(migrate(OLD), {
      ok: true,
      from: 1,
      to: 3,
      text: '# the gateway in Lyon\nversion: 3\nsite: a # ours\nas: 65001\nowns:\n  - 10.1.0.0/16\n',
      done: ['asn is called as', 'own is a list, and called owns'],
    })
    const middle = OLD.replace('version: 1', 'version: 2').replace('asn', 'as')
    const result = migrate(middle)
    assert.ok(result.ok)
    assert.deepEqual(result.done, ['own is a list, and called owns'])
    assert.match(result.text, /^owns:/m)
  })

  it('twice is once, and a present file stays byte for byte', () => {
    const once = migrate(OLD)
    assert.ok(once.ok)
    const twice = migrate(once.text)
    assert.ok(twice.ok)
    assert.deepEqual([twice.text, twice.done], [once.text, []])
    const odd = 'version:   3\n\n\nsite:    a\n'
    assert.equal(migrate(odd).ok && (migrate(odd) as {text: string}).text, odd)
  })

  const refused: {name: string; text: string; says: RegExp}[] = [
    {name: 'a newer one', text: 'version: 4\n', says: /version 4 is newer than this Isthmus, which reads 3/},
    {name: 'none', text: 'site: a\n', says: /version is missing/},
    {name: 'a word', text: 'version: one\n', says: /version is "one"/},
    {name: 'no YAML', text: 'version: [\n', says: /not YAML with keys/},
    {name: 'nothing', text: '# only this\n', says: /not YAML with keys/},
  ]
  for (const {name, text, says} of refused) {
    it(`${name} is refused`, () => {
      const result = migrate(text)
      assert.ok(!result.ok)
      assert.match(result.detail, says)
    })
  }

  it('the real steps lead from the first version to the present one, without a gap', () => {
    assert.deepEqual(
      CONFIG_STEPS.map(({from}) => from),
      Array.from({length: CONFIG_VERSION - 1}, (_, index) => index + 1),
    )
  })

  it('a file of another version is told as such, once, with what to do', () => {
    const {config, findings} = parseGatewayConfig(`version: ${CONFIG_VERSION + 1}\nnews: true\n`, 'gateway.yaml')
    assert.equal(config, null)
    assert.deepEqual(
      findings.map(({where, detail}) => `${where.line} ${where.field}: ${detail}`),
      [`1 version: version ${CONFIG_VERSION + 1} is newer than this Isthmus, which reads ${CONFIG_VERSION}`],
    )
  })
})
