import assert from 'node:assert/strict'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {formatSnapshot, parseDatastoreName, parseSiteName, type RawRecord} from '../../src/model/index.ts'
import {gatewayYaml, REMOTE_B} from '../support/gateway-yaml.ts'
import {rawRecord} from '../support/records.ts'
import {cli} from '../support/run-cli.ts'

const CONFIG = gatewayYaml(['http://127.0.0.1:1'], {sites: REMOTE_B})

const V3 = '/calico/resources/v3/projectcalico.org/'

function pod(name: string, address: string, labels: object): RawRecord {
  return rawRecord(`${V3}workloadendpoints/default/n1-k8s-${name}-eth0`, {
    kind: 'WorkloadEndpoint',
    apiVersion: 'projectcalico.org/v3',
    metadata: {name: `n1-k8s-${name}-eth0`, namespace: 'default', labels},
    spec: {
      ...{node: 'n1', orchestrator: 'k8s', workload: '', endpoint: 'eth0', pod: name, interfaceName: `cali${name}`},
      ipNetworks: [`${address}/32`],
    },
  })
}

const dbPolicy = (port: string, kind = 'GlobalNetworkPolicy'): string => `apiVersion: projectcalico.org/v3
kind: ${kind}
metadata: {name: db}
spec:
  order: 10
  selector: app == 'db'
  types: [Ingress]
  ingress:
  - {action: Allow, protocol: TCP, source: {selector: "app == 'web'"}, destination: {ports: [${port}]}}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: out}
spec: {order: 20, types: [Egress], egress: [{action: Allow}]}
`

describe('isthmus policy, without a gateway', () => {
  let folder: string
  let given: readonly string[]
  const put = async (name: string, text: string): Promise<string> => {
    await writeFile(path.join(folder, name), text)
    return path.join(folder, name)
  }
  const snapshot = (site: string, name: string, records: readonly RawRecord[]): Promise<string> =>
    put(
      `${name}.jsonl`,
      [
        ...formatSnapshot({
          ...{site: parseSiteName(site)!, source: 'datastore', datastore: parseDatastoreName('main')!},
          ...{clusterId: '1', revision: 7, records},
        }),
      ].join('\n'),
    )
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-policy-'))
    const config = await put('gateway.yaml', CONFIG)
    const a = await snapshot('a', 'a', [pod('web', '10.1.0.5', {app: 'web'}), pod('old', '10.1.0.6', {app: 'old'})])
    const b = await snapshot('b', 'b', [pod('db', '10.2.0.7', {app: 'db'})])
    given = ['--config', config, '--snapshot', a, b]
  })
  afterEach(() => rm(folder, {recursive: true}))

  describe('trace --policy', () => {
    it('judges as if the documents were applied', async () => {
      const file = await put('p.yaml', dbPolicy('5432'))
      const flow = ['--from', '10.1.0.5', '--to', '10.2.0.7', '--protocol', 'tcp', '--port', '5432', '-o', 'json']
      const verdict = async (...more: string[]): Promise<string> =>
        JSON.parse((await cli(['policy', 'trace', ...flow, ...given, ...more])).out).verdict
      assert.deepEqual([await verdict(), await verdict('--policy', file)], ['deny', 'allow'])
    })

    it('names file and line of a document that is wrong, and answers nothing', async () => {
      const file = await put('p.yaml', `${dbPolicy('5432')}---\nkind: Nonsense\n`)
      const {status, out, err} = await cli(['policy', 'diff', ...given, '--policy', file])
      assert.deepEqual([status, out], [1, ''])
      assert.match(err, /p\.yaml.* line 16:1: kind "Nonsense"/)
    })
  })

  describe('diff', () => {
    it('is 0 without a word where nothing changes', async () => {
      const {status, out} = await cli(['policy', 'diff', ...given, '--after', ...given.slice(3)])
      assert.deepEqual([status, out], [0, ''])
    })

    it('is 1, and says what opens', async () => {
      const file = await put('p.yaml', dbPolicy('5432'))
      const {status, out} = await cli(['policy', 'diff', ...given, '--policy', file])
      assert.equal(status, 1)
      assert.match(out, /^\+ opens {2}tcp 5432\n {4}from site a 1 address app=web.*\(10\.1\.0\.5 default\/web\)\n/m)
      assert.match(out, /such as 10\.1\.0\.5 → 10\.2\.0\.7 tcp 5432/)
    })

    it('a staged deletion closes what the policy opens, and one that is to be ignored changes nothing', async () => {
      for (const action of ['Delete', 'Ignore']) {
        const staged = `${dbPolicy('5433')}---
apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata: {name: db}
spec: {stagedAction: ${action}}
`
        const before = await put('before.yaml', dbPolicy('5433'))
        const after = await put('after.yaml', staged)
        const opened = async (file: string, ...more: string[]): Promise<string> =>
          (await cli(['policy', 'diff', ...given, '--policy', file, ...more, '-o', 'json'])).out
        const [is, would] = [await opened(before), await opened(after, '--staged')]
        assert.ok(is.includes('5433'))
        assert.equal(would.includes('5433'), action === 'Ignore', would)
      }
    })

    it('compares two states, and takes the staged ones for in force', async () => {
      const file = await put('p.yaml', dbPolicy('5433', 'StagedGlobalNetworkPolicy'))
      const rows = async (...more: string[]): Promise<unknown> => {
        const {out} = await cli(['policy', 'diff', ...given, '--policy', file, ...more, '-o', 'json'])
        return JSON.parse(out).map((row: {traffic: {protocol: string; ports?: string[]}[]}) => row.traffic)
      }
      assert.ok(!JSON.stringify(await rows()).includes('5433'))
      assert.ok(JSON.stringify(await rows('--staged')).includes('[{"protocol":"tcp","ports":["5433"]}]'))
      const moved = await snapshot('a', 'moved', [pod('web', '10.1.0.6', {app: 'web'})])
      const policies = await put('q.yaml', dbPolicy('5432'))
      const {out} = await cli(['policy', 'diff', ...given, '--after', moved, given[4]!, '--policy', policies])
      assert.match(out, /from site a 1 address app=web.*\(10\.1\.0\.6 default\/web\)/)
    })

    it('without anything to compare with is wrong usage', async () => {
      assert.equal((await cli(['policy', 'diff', ...given])).status, 2)
    })
  })

  describe('verify', () => {
    const file = (name: string, port: number): string => `version: 1
assertions:
  - name: ${name}
    deny:
      from: {notSite: a}
      to: {selector: app == 'db'}
      protocol: TCP
      ports: [${port}]
`
    const verify = async (text: string, ...more: string[]) =>
      cli(['policy', 'verify', await put('v.yaml', text), ...given, ...more])

    it('is 0 where all is proved', async () => {
      const policies = await put('p.yaml', dbPolicy('5432'))
      const {status, out} = await verify(file('only site a', 5432), '--policy', policies)
      assert.equal(status, 0)
      assert.match(out, /^ok {4}only site a \(\d+ pairs of classes\)\n$/)
    })

    it('is 1 with a flow, the ends and the rule where it does not hold', async () => {
      const policies = await put('p.yaml', dbPolicy('5432'))
      const {status, out} = await verify(
        file('web is kept out', 5432).replace('notSite: a', "selector: app == 'web'"),
        ...['--policy', policies],
      )
      assert.equal(status, 1)
      assert.equal(
        out,
        [
          'FAIL  web is kept out (1 of 1 pairs of classes)',
          '      10.1.0.5 → 10.2.0.7 tcp 5432 from port 40000 (default/web → default/db)',
          '      allow: rule 0 of GlobalNetworkPolicy db in tier default (ingress at site b)',
          '',
        ].join('\n'),
      )
    })

    it('is 1 where an assertion is about nobody, and says so in JSON too', async () => {
      const {status, out} = await verify(file('x', 1).replace("== 'db'", "== 'nobody'"), '-o', 'json')
      assert.equal(status, 1)
      const {ok, assertions} = JSON.parse(out)
      assert.deepEqual([ok, assertions[0].result], [false, 'empty'])
    })

    it('tells a site whose endpoints are not known, and is 2 where one that is given cannot be read', async () => {
      const partly = [...given.slice(0, 4)]
      const text = await put('v.yaml', file('x', 5432).replace("selector: app == 'db'", 'site: b'))
      const {status, err} = await cli(['policy', 'verify', text, ...partly])
      assert.equal(status, 0)
      assert.match(err, /^warning source-missing site b: no snapshot of it is given/)
      const broken = await cli(['policy', 'verify', text, ...given, await put('c.jsonl', 'no snapshot')])
      assert.deepEqual([broken.status, broken.out], [2, ''])
    })

    it('without snapshots asks the datastores, and is 2 where one does not answer', async () => {
      const {status, out, err} = await cli([
        'policy',
        'verify',
        await put('v.yaml', file('x', 1)),
        ...given.slice(0, 2),
      ])
      assert.deepEqual([status, out], [2, ''])
      assert.match(err, /etcd-unreachable datastore main/)
    }).timeout(20_000)

    it('is 2 with file, line and column where nothing could be judged', async () => {
      const wrong = await verify(file('x', 1).replace('ports: [1]', 'ports: [90:80]').replace('TCP', 'ICMP'))
      assert.deepEqual([wrong.status, wrong.out], [2, ''])
      assert.match(wrong.err, /^\S+v\.yaml:8:7: assertions\[0\]\.deny\.ports: protocol ICMP has no ports\n/)
      assert.match((await verify('assertions: [')).err, /^\S+v\.yaml:\d+:\d+: not YAML/)
      assert.equal((await cli(['policy', 'verify', '/nonexistent', ...given])).status, 2)
    })
  })

  describe('compile', () => {
    it('prints the judgement, and with --full all of the table', async () => {
      const file = await put('p.yaml', dbPolicy('5432'))
      const {status, out, err} = await cli(['policy', 'compile', '--gateway', 'a1', ...given, '--policy', file])
      assert.equal(status, 0, err)
      assert.match(out, /^table inet isthmus \{\n/)
      assert.match(out, /ct original proto-dst 5432 goto allowed/)
      assert.ok(!out.includes('chain input'))
      const full = await cli(['policy', 'compile', '--gateway', 'a1', '--full', ...given, '--policy', file])
      assert.match(full.out, /type filter hook input priority 0; policy accept;/)
      assert.match(full.out, /counter spoofed/)
    })

    it('of another gateway than the configuration speaks of is wrong usage', async () => {
      assert.equal((await cli(['policy', 'compile', '--gateway', 'b1', ...given])).status, 2)
    })
  })
})
