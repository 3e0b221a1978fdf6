import assert from 'node:assert/strict'
import {flowEnds, type NamedEndpoint} from '../../src/cli/flow-ends.ts'

const at = (address: string, site = 'a'): NamedEndpoint => ({address, site})
const KNOWN: Readonly<Record<string, readonly NamedEndpoint[]>> = {
  'shop/web': [at('10.1.0.5'), at('fd00:1::5')],
  'shop/db': [at('10.2.0.6', 'b'), at('fd00:2::6', 'b')],
  'shop/six': [at('fd00:2::7', 'b')],
  'shop/twice': [at('10.1.0.9'), at('10.2.0.9', 'b')],
  'shop/net': [at('10.8.0.0/16')],
}
const ask = (from: string, to: string) => flowEnds({from, to}, async (name) => KNOWN[name] ?? [])

describe('ends of a flow by name', () => {
  for (const [from, to, expected] of [
    ['10.1.0.5', '10.2.0.6', ['10.1.0.5', '10.2.0.6']],
    ['shop/web', '10.2.0.6', ['10.1.0.5', '10.2.0.6']],
    ['shop/web', 'fd00:2::6', ['fd00:1::5', 'fd00:2::6']],
    ['shop/web', 'shop/db', ['10.1.0.5', '10.2.0.6']],
    ['shop/web', 'shop/six', ['fd00:1::5', 'fd00:2::7']],
    ['10.1.0.5', 'shop/six', ['10.1.0.5', 'fd00:2::7']],
  ] as const) {
    it(`${from} to ${to}`, async () => {
      assert.deepEqual(await ask(from, to), {from: expected[0], to: expected[1]})
    })
  }

  for (const [from, to, problem] of [
    ['shop/none', '10.2.0.6', /^from: shop\/none is no address and no name of an endpoint; isthmus get endpoints /],
    ['10.1.0.5', 'shop/net', /^to: shop\/net is no address/],
    ['10.1.0.5', 'shop/twice', /^to: shop\/twice is several: 10\.1\.0\.9 \(site a\), 10\.2\.0\.9 \(site b\); /],
  ] as const) {
    it(`${from} to ${to}: says why not`, async () => {
      const said = await ask(from, to)
      assert.match(String(said), problem)
    })
  }
})
