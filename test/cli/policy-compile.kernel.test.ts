import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {printRuleset, reachableFrom} from '../../src/cli/print-ruleset.ts'
import {plan} from '../../src/plan/index.ts'
import {compilePolicy} from '../../src/policy/index.ts'
import {attributes, entity, policy, rule, tier, world} from '../policy/worlds.ts'
import {configOf} from '../support/sites.ts'

const known = world(
  [
    {at: '10.1.0.0/16', site: 'a', set: attributes('prefix')},
    {at: '10.1.0.5', site: 'a', set: attributes('pod', {labels: {app: 'web'}})},
    {at: '10.2.0.7', site: 'b', set: attributes('pod', {labels: {app: 'db'}})},
    {at: 'fd00:1::5', site: 'a', set: attributes('pod', {labels: {app: 'web'}})},
  ],
  [tier('default', 1)],
  [
    policy('db', {
      selector: "app == 'db'",
      ingress: [
        rule('Allow', {
          protocol: 6,
          source: entity({selector: "app == 'web'"}),
          destination: entity({ports: {ranges: [{first: 5432, last: 5433}], names: []}}),
        }),
      ],
    }),
  ],
)

/** Checked, not loaded, in a network namespace of its own that ends with the process. */
function check(text: string): string {
  const argv = ['-n', 'sh', '-c', 'cat | nft -c -f -']
  const {status, stderr, error} = spawnSync('unshare', argv, {input: text, encoding: 'utf8'})
  return status === 0 ? '' : String(error ?? stderr)
}

describe('printed ruleset', () => {
  const config = configOf()
  const compiled = compilePolicy(known, {default: config.default, previous: null, firstClass: 1})
  const {desired} = plan({
    ...{config, world: known, policy: compiled, keys: new Map(), passwords: new Map()},
    ...{uplinkDevices: ['eth0'], devices: new Map(), draining: false, limits: new Map()},
  })

  for (const [name, table] of [
    ['all of it', desired.nft],
    ['the judgement alone', reachableFrom('judge', desired.nft)],
  ] as const) {
    it(`is a file that nft takes: ${name}`, () => {
      assert.equal(check(printRuleset(table)), '')
    })
  }

  it('would be refused if a chain were missing', () => {
    const {chains, ...rest} = reachableFrom('judge', desired.nft)
    const without = new Map([...chains].filter(([name]) => name !== 'allowed'))
    assert.notEqual(check(printRuleset({...rest, chains: without})), '')
  })
})
