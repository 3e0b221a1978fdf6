import assert from 'node:assert/strict'
import {parseGatewayConfig} from '../../src/config/index.ts'

const yamlWith = (lines: string): string => `version: 1
site: a
gateway: a1
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks:
  - {name: wan, address: 192.0.2.1, inner: [100.64.0.0, 100.64.0.1]}
owns: [10.1.0.0/16]
datastores:
  - {name: main, kind: file, path: /etc/rack.yaml}
  - {name: own, kind: isthmus, endpoints: ["http://127.0.0.1:2379"], insecure: true, export: {}}
authorities: [a]
${lines}`

const TWIN = 'twin: a2\n'
const TABLE = 'routeTable: {command: [/bin/take, --table, rtb-1], listen: "10.0.1.5:9634", twin: "10.0.2.5:9634"'
const tableOf = (more: string) => {
  const {config, findings} = parseGatewayConfig(yamlWith(more), 'gateway.yaml')
  return {
    table: config?.routeTable,
    said: findings.filter(({severity}) => severity === 'error').map(({detail, where}) => `${where.field} ${detail}`),
  }
}

describe('routeTable', () => {
  it('has a program with arguments, two ends and times', () => {
    assert.deepEqual(tableOf(`${TWIN}${TABLE}}`), {
      table: {
        command: ['/bin/take', '--table', 'rtb-1'],
        listen: {address: '10.0.1.5', port: 9634},
        twin: {address: '10.0.2.5', port: 9634},
        ...{afterMs: 2000, backAfterMs: 60_000, timeoutMs: 30_000, repeatMs: 600_000},
      },
      said: [],
    })
    assert.equal(tableOf(`${TWIN}${TABLE}, backAfter: 5m}`).table?.backAfterMs, 300_000)
    assert.equal(tableOf('').table, undefined)
  })

  for (const [name, lines, said] of [
    ['without a twin there is nobody to take them from', `${TABLE}}`, /^routeTable .*no twin/],
    ['a program by its name alone', TWIN + TABLE.replace('/bin/take', 'take').concat('}'), /command.*absolute path/],
    ['no program', TWIN + TABLE.replace(/\[.*\], l/, '[], l').concat('}'), /command/],
    ['one line for a shell', TWIN + TABLE.replace(/\[.*\], l/, '/bin/take --table x, l').concat('}'), /command/],
    ['the twin is itself', TWIN + TABLE.replace('10.0.2.5', '10.0.1.5').concat('}'), /routeTable\.twin .*own/],
    ['asked too often', `${TWIN}${TABLE}, repeat: 10s}`, /routeTable\.repeat .*less than a minute/],
    ['a time without a unit', `${TWIN}${TABLE}, after: 5}`, /routeTable\.after/],
  ] as const) {
    it(`is refused: ${name}`, () => {
      const {table, said: all} = tableOf(lines)
      assert.equal(table, undefined)
      assert.ok(
        all.some((one) => said.test(one)),
        all.join('\n'),
      )
    })
  }
})
