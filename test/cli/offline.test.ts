import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {
  formatSnapshot,
  parseDatastoreName,
  parseSiteName,
  type RawRecord,
  type Snapshot,
} from '../../src/model/index.ts'
import {gatewayYaml, REMOTE_B} from '../support/gateway-yaml.ts'
import {calicoFixture, rawRecord} from '../support/records.ts'
import {cli} from '../support/run-cli.ts'

const CONFIG = gatewayYaml(['http://127.0.0.1:1'], {sites: REMOTE_B})

const V3 = '/calico/resources/v3/projectcalico.org/'

function pod(name: string, address: string, labels: object, modRevision = 1): RawRecord {
  return rawRecord(
    `${V3}workloadendpoints/default/n1-k8s-${name}-eth0`,
    {
      kind: 'WorkloadEndpoint',
      apiVersion: 'projectcalico.org/v3',
      metadata: {name: `n1-k8s-${name}-eth0`, namespace: 'default', labels},
      spec: {
        ...{node: 'n1', orchestrator: 'k8s', workload: '', endpoint: 'eth0', pod: name, interfaceName: `cali${name}`},
        ipNetworks: [`${address}/32`],
      },
    },
    modRevision,
  )
}

const POLICY = rawRecord(`/isthmus/v1/resources/projectcalico.org/globalnetworkpolicies/db`, {
  kind: 'GlobalNetworkPolicy',
  apiVersion: 'projectcalico.org/v3',
  metadata: {name: 'db'},
  spec: {
    tier: 'default',
    order: 10,
    selector: "app == 'db'",
    types: ['Ingress'],
    ingress: [{action: 'Allow', protocol: 'TCP', source: {selector: "app == 'web'"}, destination: {ports: [5432]}}],
  },
})

describe('command line, without a gateway', () => {
  let folder: string
  let config: string
  const put = async (name: string, text: string): Promise<string> => {
    await writeFile(path.join(folder, name), text)
    return path.join(folder, name)
  }
  const putSnapshot = (
    site: string,
    source: 'datastore' | 'export',
    records: readonly RawRecord[],
  ): Promise<string> => {
    const datastore = source === 'export' ? null : parseDatastoreName('main')!
    const snapshot: Snapshot = {site: parseSiteName(site)!, source, datastore, clusterId: '1', revision: 7, records}
    return put(`${site}-${source}.jsonl`, [...formatSnapshot(snapshot)].join('\n'))
  }
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-cli-'))
    config = await put('gateway.yaml', CONFIG)
  })
  afterEach(() => rm(folder, {recursive: true}))

  describe('check', () => {
    it('a good file is fine', async () => {
      for (const args of [
        ['check', config],
        ['check', '--config', config],
      ]) {
        const {status, out, err} = await cli(args)
        assert.deepEqual([status, out, err], [0, `${config}: gateway a1 of site a, fine\n`, ''])
      }
    })

    it('all findings at once, with file, line and column', async () => {
      const file = await put(
        'bad.yaml',
        CONFIG.replace('site: a\n', 'site: A\n').replace('default: deny', 'default: drop'),
      )
      const {status, out, err} = await cli(['check', file])
      const lines = err.trimEnd().split('\n')
      assert.deepEqual([status, out, lines.length], [1, '', 2])
      assert.ok(lines[0]?.startsWith(`${file}:2:`), lines[0])
      assert.ok(lines[1]?.startsWith(`${file}:6:`), lines[1])
      assert.match(lines[1] ?? '', /error config-invalid default: must be one of "allow", "deny"/)
    })

    it('sites that overlap: said and 1, and the rest is usable', async () => {
      const sites = '{b: {owns: [10.1.8.0/24], endpoints: [http://127.0.0.1:1], insecure: true}}'
      const file = await put('overlap.yaml', gatewayYaml(['http://127.0.0.1:1'], {sites}))
      const {status, out, err} = await cli(['check', file])
      assert.equal(status, 1)
      assert.match(err, /warning prefix-conflict sites\.b\.owns\[0\]: .*overlaps site a's .*b is not connected/)
      assert.match(out, /usable, but for what is said above\n$/)
    })

    it('as JSON the findings are the answer', async () => {
      const file = await put('bad.yaml', CONFIG.replace('site: a\n', ''))
      const {status, out, err} = await cli(['check', file, '-o', 'json'])
      const answer = JSON.parse(out)
      assert.deepEqual([status, err, answer.ok, answer.findings.length], [1, '', false, 1])
    })

    it('a file that is not there is a finding', async () => {
      const {status, err} = await cli(['check', '/nonexistent.yaml'])
      assert.equal(status, 1)
      assert.match(err, /^\/nonexistent\.yaml: error config-unreadable: ENOENT/)
    })
  })

  describe('run', () => {
    it('becomes the daemon, with the whole path of its configuration', async () => {
      const {out, err} = await cli(['run', '--config', 'gateway.yaml'])
      if (out === '') {
        assert.match(err, /npm run build/)
        return
      }
      assert.match(out, /isthmusd\.mjs run --config \/.*gateway\.yaml\n$/)
      // And the daemon takes what it is given: the file is not there, and nothing else is wrong.
      const [program = '', ...args] = out.trim().split(' ')
      const {status, stderr} = spawnSync(program, args, {encoding: 'utf8'})
      assert.match(stderr, /config-unreadable/)
      // EX_CONFIG: a start again would end the same way.
      assert.equal(status, 78)
    })
  })

  describe('version', () => {
    it('tells its own and its runtime', async () => {
      const {status, out} = await cli(['version'])
      assert.equal(status, 0)
      assert.match(out, /^isthmus \d+\.\d+\.\d+ \(Node 24\./)
      assert.deepEqual(Object.keys(JSON.parse((await cli(['version', '-o', 'json'])).out)), ['version', 'node'])
    })
  })

  describe('usage', () => {
    for (const args of [
      [],
      ['nonsense'],
      ['status', '--nonsense'],
      ['status', '-o', 'xml'],
      ['get'],
      ['get', 'nonsense'],
      ['policy', 'trace'],
      ['policy', 'trace', '--from', '10.1.0.5', '--flows', 'x'],
      ['policy', 'trace', '--flows', '/nonexistent'],
      ['snapshot', 'show'],
    ]) {
      it(`\`${['isthmus', ...args].join(' ')}\` is 2, with a word on stderr`, async () => {
        const {status, out, err} = await cli(args)
        assert.deepEqual([status, out], [2, ''])
        assert.notEqual(err, '')
      })
    }

    it('help that was asked for is an answer', async () => {
      const {status, out, err} = await cli(['get', '--help'])
      assert.deepEqual([status, err], [0, ''])
      assert.match(out, /Usage: isthmus get/)
    })
  })

  describe('snapshot show', () => {
    it('counts by kind, and says what is bad', async () => {
      const records = [
        calicoFixture('workloadendpoint'),
        calicoFixture('node'),
        rawRecord(`${V3}tiers/broken`, '{"kind":'),
        rawRecord('/calico/unknown', 'x'),
      ]
      const file = await putSnapshot('a', 'datastore', records)
      const {status, out, err} = await cli(['snapshot', 'show', file])
      assert.equal(status, 1)
      assert.match(out, /^.*a-datastore\.jsonl: datastore main of site a at revision 7, 4 keys\n/)
      assert.match(out, /^WorkloadEndpoint +1 +0$/m)
      assert.match(out, /^bad +1 +1$/m)
      assert.match(err, /^error record-not-json datastore main .*tiers\/broken: /)
    })

    it('takes folders, and is 0 when all is well', async () => {
      await putSnapshot('a', 'datastore', [calicoFixture('node')])
      await putSnapshot('b', 'datastore', [])
      const {status, out} = await cli(['snapshot', 'show', folder, '-o', 'json'])
      assert.equal(status, 0)
      assert.deepEqual(
        JSON.parse(out).snapshots.map((one: {site: string; keys: number}) => [one.site, one.keys]),
        [
          ['a', 1],
          ['b', 0],
        ],
      )
    })

    for (const [name, text] of [
      ['a file that is none', '{"kind":"List"}'],
      ['an empty file', ''],
    ] as const) {
      it(`${name} is 1`, async () => {
        assert.equal((await cli(['snapshot', 'show', await put('x.jsonl', text)])).status, 1)
      })
    }
  })

  describe('policy trace --snapshot', () => {
    const trace = (...args: string[]) => cli(['policy', 'trace', '--config', config, '-o', 'json', ...args])
    const flow = (from: string, to: string, port: string) => [
      ...['--from', from, '--to', to, '--protocol', 'tcp', '--port', port],
    ]

    it('judges as the gateway would, a remote site by its datastore', async () => {
      const own = await putSnapshot('a', 'datastore', [pod('web1', '10.1.0.5', {app: 'web'}), POLICY])
      const theirs = await putSnapshot('b', 'datastore', [pod('db1', '10.2.0.7', {app: 'db'})])
      const args = ['--snapshot', own, theirs]
      const asked = flow('10.1.0.5', '10.2.0.7', '5432')
      const {status, out, err} = await trace(...args, ...asked)
      assert.deepEqual([status, err], [0, ''])
      // The egress of the source is nobody's rule: the default denies before the destination is asked.
      const {stations, ...line} = JSON.parse(out)
      assert.deepEqual(line, {
        ...{verdict: 'deny', reason: 'default', direction: 'egress', site: 'a'},
        ...{kind: null, tier: null, policy: null, rule: null},
      })
      assert.deepEqual(
        stations.map(({station, verdict}: {station: string; verdict: string}) => `${station} ${verdict}`),
        // These pods list no profile, so their own Calico drops.
        ['source-own deny', 'egress deny', 'ingress allow', 'destination-own deny'],
      )
      await put('gateway.yaml', CONFIG.replace('default: deny', 'default: allow'))
      const {stations: _again, ...allowed} = JSON.parse((await trace(...args, ...asked)).out)
      assert.deepEqual(allowed, {
        ...{verdict: 'allow', reason: 'rule', direction: 'ingress', site: 'b'},
        ...{kind: 'GlobalNetworkPolicy', tier: 'default', policy: 'db', rule: 0},
      })
      const other = JSON.parse((await trace(...args, ...flow('10.1.0.5', '10.2.0.7', '80'))).out)
      assert.deepEqual([other.verdict, other.reason, other.tier], ['deny', 'tier', 'default'])
    })

    it('the words for people name the rule', async () => {
      await put('gateway.yaml', CONFIG.replace('default: deny', 'default: allow'))
      const own = await putSnapshot('a', 'datastore', [pod('web1', '10.1.0.5', {app: 'web'}), POLICY])
      const theirs = await putSnapshot('b', 'datastore', [pod('db1', '10.2.0.7', {app: 'db'})])
      const args = ['policy', 'trace', '--config', config, '--snapshot', own, theirs]
      assert.equal(
        (await cli([...args, ...flow('10.1.0.5', '10.2.0.7', '5432')])).out,
        [
          'allow: rule 0 of GlobalNetworkPolicy db in tier default (ingress at site b)',
          "source's own policies (site a): deny: no policy and no profile decides: the drop at the end",
          'global egress, at both gateways (site a): allow: no policy decides: the default',
          'global ingress, at both gateways (site b): allow: rule 0 of GlobalNetworkPolicy db in tier default',
          '    GlobalNetworkPolicy db in tier default, rule 0: Allow',
          "destination's own policies (site b): deny: no policy and no profile decides: the drop at the end",
          '',
        ].join('\n'),
      )
    })

    it('flows of a file keep their ids', async () => {
      const own = await putSnapshot('a', 'datastore', [])
      const flows = await put('flows', '{"id":"x","from":"192.0.2.9","to":"192.0.2.8","protocol":47}\n')
      const {status, out} = await trace('--snapshot', own, '--flows', flows)
      assert.equal(status, 0)
      assert.deepEqual(JSON.parse(out), {
        ...{id: 'x', verdict: 'deny', reason: 'unowned', direction: null, site: null},
        ...{kind: null, tier: null, policy: null, rule: null},
      })
    })

    it('a flow that makes no sense is wrong usage', async () => {
      const own = await putSnapshot('a', 'datastore', [])
      const {status, err} = await trace('--snapshot', own, '--from', '10.1.0.5', '--to', 'x', '--protocol', '47')
      assert.equal(status, 2)
      assert.match(err, /^to: x is no address/m)
      assert.equal((await trace('--snapshot', own, '--from', '10.1.0.5')).status, 2)
    })

    it('a site that the configuration does not name is left out, and told', async () => {
      const stranger = await putSnapshot('z', 'datastore', [])
      const {status, err} = await trace('--snapshot', stranger, ...flow('10.1.0.5', '10.2.0.7', '80'))
      assert.equal(status, 0)
      assert.match(err, /site z is not in the configuration/)
    })

    it('a bad record of the remote site is told as its own gateway would', async () => {
      const theirs = await putSnapshot('b', 'datastore', [rawRecord(`${V3}tiers/broken`, '{')])
      const {status, err} = await trace('--snapshot', theirs, ...flow('10.1.0.5', '10.2.0.7', '80'))
      assert.equal(status, 0)
      assert.match(err, /^error record-not-json datastore main .*tiers\/broken/m)
    })

    it('no snapshot to read is 1', async () => {
      const {status} = await trace('--snapshot', '/nonexistent', ...flow('10.1.0.5', '10.2.0.7', '80'))
      assert.equal(status, 1)
    })
  })
})

describe('standard output', () => {
  it('may be closed by its reader: no crash', () => {
    const main = path.join(import.meta.dirname, '../../src/cli/main.ts')
    const line = `${process.execPath} ${main} --help | (exec <&-; sleep 1); echo "\${PIPESTATUS[0]}"`
    const {stdout, stderr} = spawnSync('bash', ['-c', line], {encoding: 'utf8'})
    assert.deepEqual([stdout.trim(), stderr], ['0', ''])
  })
})
