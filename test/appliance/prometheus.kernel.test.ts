import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {pino} from 'pino'
import {type RunningGateway, startGateway} from '../../src/gateway/start.ts'
import {type EtcdServer, freePort, plainClient, startEtcd} from '../support/etcd-server.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {eventually, inNamespace, shell} from '../support/namespace.ts'
import {CALICO, EXPORT, ISTHMUS, podRecord} from '../support/sites.ts'
import {ask, askAll} from './dashboards.ts'

const RULES = path.resolve(import.meta.dirname, '../../appliance/prometheus/isthmus.rules.yaml')

/** What a gateway alone, whose far end and router are not there, has nothing to say of. */
const EMPTY = [
  // Nobody answers its probes, and it encrypts nothing.
  ...[
    'isthmus_tunnel_rtt',
    'isthmus_tunnel_jitter',
    'last_handshake',
    'key_made',
    'session_established',
    'certificate_expiry',
    'form_passes',
  ],
  // It is in no cloud.
  'route_table',
  // No pod sends anything.
  ...['isthmus_policy_flows_total', 'action="deny"', 'staged_change', 'node_nat'],
  // Nothing has changed yet, and no alert has stood for its time.
  ...['annotation Configuration', 'ALERTS'],
]

/** Site b as its gateway would export it: one tunnel, one pod. */
const EXPORT_OF_B = {
  meta: {schema: 1, site: 'b', generation: 1},
  site: {as: 4200000002, prefixes: ['10.2.0.0/16'], infrastructure: []},
  'gateways/b1': {
    uplinks: [{name: 'wan', address: '192.0.2.2', inner: ['100.64.0.2', '100.64.0.3']}],
    tunnels: {'a/a1/wan': [{slot: 0, uplink: 'wan', encapsulation: 'vxlan'}]},
  },
}

inNamespace(import.meta.url, () => {
  describe('Prometheus that scrapes a gateway', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-scraped-'))
    const children: ChildProcess[] = []
    const etcds: EtcdServer[] = []
    let gateway: RunningGateway
    let base = ''

    before(async function () {
      this.timeout(30_000)
      shell('ip link add wan0 type veth peer name other; ip addr add 192.0.2.1/24 dev wan0')
      shell('ip link set wan0 up; ip link set other up')
      etcds.push(...(await Promise.all([startEtcd(), startEtcd()])))
      const [own, remote] = etcds
      const pod = podRecord('web', '10.1.0.5')
      const policy = {spec: {selector: 'all()', types: ['Ingress'], ingress: [{action: 'Deny'}]}}
      await put(own!, {
        [pod.key]: JSON.parse(Buffer.from(pod.value).toString()),
        [`${ISTHMUS}globalnetworkpolicies/web`]: policy,
        [`${CALICO}nodes/n1`]: {spec: {bgp: {ipv4Address: '192.0.2.77/24'}}},
      })
      await put(remote!, Object.fromEntries(Object.entries(EXPORT_OF_B).map(([key, it]) => [`${EXPORT}${key}`, it])))

      writeFileSync(path.join(folder, 'bird.conf'), 'router id 192.0.2.1;\nprotocol device {}\n')
      run('bird', '-f', '-c', path.join(folder, 'bird.conf'), '-s', path.join(folder, 'bird.ctl'))
      const sites = `{b: {owns: [10.2.0.0/16], endpoints: ["${remote!.endpoint}"], insecure: true, encapsulation: vxlan}}`
      const file = path.join(folder, 'gateway.yaml')
      writeFileSync(
        file,
        `${gatewayYaml([own!.endpoint], {sites})}lab: true
metrics: {listen: 127.0.0.1:9633}
peers: [{name: r1, address: 192.0.2.254, as: 64900, import: [198.51.100.0/24], bfd: true, maxPrefixes: {limit: 10}}]
nodes: {session: ibgp, localAs: 64512}
twin: a2
paths: {state: ${folder}/state, run: ${folder}/run, birdConfig: ${folder}/bird.conf, birdSocket: ${folder}/bird.ctl}
`,
      )
      gateway = await startGateway({configFile: file, log: pino({level: 'silent'})})
      base = await startPrometheus()
    })

    after(async () => {
      await gateway?.stop()
      for (const child of children) {
        child.kill('SIGKILL')
        if (child.exitCode === null) await once(child, 'exit')
      }
      for (const etcd of etcds) await etcd.stop()
      rmSync(folder, {recursive: true})
    })

    function run(...[file, ...args]: [string, ...string[]]): void {
      children.push(spawn(file, args, {stdio: 'ignore'}))
    }

    async function startPrometheus(): Promise<string> {
      const address = `127.0.0.1:${await freePort()}`
      const config = path.join(folder, 'prometheus.yaml')
      writeFileSync(
        config,
        `global: {scrape_interval: 500ms, evaluation_interval: 500ms}
rule_files: [${RULES}]
scrape_configs:
  - {job_name: isthmus, static_configs: [{targets: ['127.0.0.1:9633'], labels: {site: a, gateway: a1}}]}
`,
      )
      const storage = path.join(folder, 'prometheus')
      run('prometheus', `--config.file=${config}`, `--storage.tsdb.path=${storage}`, `--web.listen-address=${address}`)
      return `http://${address}`
    }

    it('has an answer to every query of the dashboards, and samples for all that such a gateway can tell', async function () {
      this.timeout(20_000)
      const settled = async () => (await ask(base, 'count_over_time(isthmus_bgp_session_up[1m]) > 5')).samples > 0
      await eventually(() => settled().catch(() => false), 15_000)
      const {refused, empty} = await askAll(base, '3s')
      assert.deepEqual(refused, [])
      assert.deepEqual(
        empty.filter((query) => !EMPTY.some((part) => query.includes(part))),
        [],
      )
      for (const part of EMPTY)
        assert.ok(
          empty.some((query) => query.includes(part)),
          `${part} is not empty any more`,
        )
    })

    it('evaluates every rule, and tells of a tunnel that is down in whole sentences', async () => {
      interface Group {
        readonly interval: number
        readonly rules: readonly {readonly name: string; readonly query: string; readonly health: string}[]
      }
      const {groups} = await eventually(async () => {
        const data = await get<{groups: readonly Group[]}>('rules')
        // Those of a day wait for up to their interval.
        const due = data.groups.filter(({interval}) => interval < 1)
        return !JSON.stringify(due).includes('"health":"unknown"') && data
      }, 5000)
      for (const {name, query, health} of groups.flatMap((group) => group.rules)) {
        if (health === 'unknown') assert.equal((await ask(base, query)).error, null, name)
        else assert.equal(health, 'ok', name)
      }
      const {alerts}: {alerts: {annotations: {summary: string}}[]} = await get('alerts')
      const summaries = alerts.map(({annotations}) => annotations.summary)
      assert.ok(summaries.includes('no tunnel from a1 of a to b carries packets'), summaries.join('\n'))
      assert.deepEqual(
        summaries.filter((summary) => /error|<no value>| {2}/.test(summary)),
        [],
      )
    })

    /** What Prometheus has under that name; the caller knows its shape. */
    async function get<T>(what: string): Promise<T> {
      return JSON.parse(await (await fetch(`${base}/api/v1/${what}`)).text()).data
    }
  })
})

async function put(etcd: EtcdServer, values: Readonly<Record<string, unknown>>): Promise<void> {
  const client = plainClient(etcd.endpoint)
  for (const [key, value] of Object.entries(values)) await client.put(key).value(JSON.stringify(value))
  client.close()
}
