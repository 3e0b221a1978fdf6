import assert from 'node:assert/strict'
import {planRouting} from '../../src/routing/index.ts'
import {planAll, type Sketch, worldOf} from '../support/interconnect.ts'

const site = (name: string, number: number) =>
  ({name, number, inner: [4, 6], owns: [`10.${number}.0.0/16`, `fd10:${number}::/48`]}) as const
const BOTH: Sketch = {sites: [site('a', 1), site('b', 2)]}

describe('planRouting over tunnels of both families', () => {
  const {config, sites, plan} = planAll(BOTH).get('a')!
  const {bird, findings} = planRouting({
    ...{config, world: worldOf(sites), tunnels: plan.tunnels},
    ...{passwords: new Map(), draining: false},
  })

  it('each has a session between its own inner addresses, that bears its own prefixes only', () => {
    assert.deepEqual(findings, [])
    const prefixes = (rules: (typeof bird.sessions)[number]['import']) =>
      rules.flatMap(({when}) => when.flatMap((one) => (one.is === 'net' ? one.patterns.map(({prefix}) => prefix) : [])))
    assert.deepEqual(
      bird.sessions.map((one) => [one.family, one.local, one.neighbor, prefixes(one.import), prefixes(one.export)]),
      [
        [4, '100.64.1.0', '100.64.2.0', ['10.2.0.0/16'], ['10.1.0.0/16']],
        [6, 'fd64::1:0', 'fd64::2:0', ['fd10:2::/48'], ['fd10:1::/48']],
      ].toSorted(
        (a, b) =>
          plan.tunnels.findIndex(({local}) => local === a[1]) - plan.tunnels.findIndex(({local}) => local === b[1]),
      ),
    )
  })

  it('one of the other family is no second path', () => {
    assert.deepEqual(
      bird.sessions.map(({bfd}) => bfd?.mode),
      [undefined, undefined],
    )
  })

  it('nothing of either family falls through', () => {
    const unreachable = bird.statics.flatMap(({routes}) =>
      routes.flatMap(({prefix, to}) => (to === 'unreachable' ? [prefix] : [])),
    )
    for (const prefix of ['10.2.0.0/16', 'fd10:2::/48']) assert.ok(unreachable.includes(prefix as never), prefix)
  })
})
