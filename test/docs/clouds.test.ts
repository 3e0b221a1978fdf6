import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import {parseInterconnect} from '../../src/config/index.ts'
import {FABRICS, interconnectSchema} from '../../src/config/interconnect-schema.ts'

const text = readFileSync(path.resolve(import.meta.dirname, '../../docs/operate/clouds.md'), 'utf8')

describe('docs/operate/clouds.md', () => {
  it('has an example that is right', () => {
    const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(text)!
    assert.deepEqual(parseInterconnect(yaml!, 'example').findings, [])
  })

  it('says what every key of a description means', () => {
    const [, table] = /\| key \| meaning \|\n([\s\S]*?)\n\n/.exec(text.replaceAll(/ +/g, ' '))!
    const site = interconnectSchema.shape.sites.valueType.shape
    const keys = [
      ...Object.keys(interconnectSchema.shape).filter(
        (key) => !['version', 'default', 'authorities', 'sites'].includes(key),
      ),
      ...Object.keys(site).filter((key) => !['as', 'owns', 'infrastructure'].includes(key)),
      ...Object.keys(site.gateways.valueType.shape),
    ]
    for (const key of keys) assert.match(table!, new RegExp(`[\`.]${key}(?:\\[\\]|\\.NAME)?\``), key)
    for (const fabric of FABRICS) assert.ok(table!.includes(`\`${fabric}\``), fabric)
  })

  it('cites each source that it names, and names each', () => {
    const [body, sources] = text.split('## Sources')
    const cited = new Set([...body!.matchAll(/\[([agze]\d)\]/g)].map(([, one]) => one))
    const named = new Set([...sources!.matchAll(/^- \[([agze]\d)\] https:/gm)].map(([, one]) => one))
    assert.deepEqual([...named].toSorted(), [...cited].toSorted())
  })
})
