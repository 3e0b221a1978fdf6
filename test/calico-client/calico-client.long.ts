import assert from 'node:assert/strict'
import {execFile} from 'node:child_process'
import {copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {promisify} from 'node:util'
import type {Etcd3} from 'etcd3'
import {type EtcdServer, plainClient, startEtcd} from '../support/etcd-server.ts'
import {eventually} from '../support/namespace.ts'
import {address, CALICO, EXPORT} from '../support/sites.ts'
import {startWriteBackGateway, WRITE_BACK, type WriteBackGateway} from '../support/write-back-gateway.ts'

const run = promisify(execFile)

/** Calico's own tree, and its API, which that keeps in another module: the newest of each that are served as modules. */
const TREE = 'github.com/projectcalico/calico'
const TREE_VERSION = 'v1.11.0-cni-plugin.0.20250813170300-a0db560f0520'
const API = 'github.com/projectcalico/api'
const API_VERSION = 'v0.0.0-20240708202104-e3f70b269c2c'

/** Kept from run to run: a build takes minutes the first time. */
const FOLDER = path.join(tmpdir(), 'isthmus-calico-client')
const BUILD_MS = 900_000
const WITHIN_MS = 20_000

interface Answer {
  readonly objects: readonly {
    readonly kind: string
    readonly name: string
    readonly object: {
      readonly metadata: {readonly labels: Record<string, string>}
      readonly spec: Record<string, unknown>
    }
    readonly invalid: string
    readonly update: string
  }[]
  readonly felix: readonly {
    readonly key: string
    readonly value: Record<string, unknown> | null
    readonly invalid: string
  }[]
  /** What Felix on node worker-1 makes of blocks, pools and Nodes. */
  readonly routes: readonly {readonly dst: string; readonly pool: string; readonly node: string; readonly via: string}[]
}

/** The small Go program beside this file, with the versions that Calico's tree itself asks for. */
async function build(): Promise<string> {
  mkdirSync(FOLDER, {recursive: true})
  const options = {cwd: FOLDER, timeout: BUILD_MS, maxBuffer: 1e8}
  const [source, copy] = [path.join(import.meta.dirname, 'main.go'), path.join(FOLDER, 'main.go')]
  // Another program may need other modules.
  const isSame = existsSync(copy) && readFileSync(copy, 'utf8') === readFileSync(source, 'utf8')
  if (!isSame || !existsSync(path.join(FOLDER, 'go.sum'))) {
    const {stdout} = await run('go', ['mod', 'download', '-json', `${TREE}@${TREE_VERSION}`], {
      ...options,
      cwd: tmpdir(),
    })
    const {Dir: tree}: {Dir: string} = JSON.parse(stdout)
    const required = readFileSync(path.join(tree, 'go.mod'), 'utf8')
      .replace(/^module .*$/m, 'module isthmus-calico-client')
      .replace(`${API} => ./api`, `${API} => ${API} ${API_VERSION}`)
    writeFileSync(path.join(FOLDER, 'go.mod'), `${required}\nrequire ${TREE} ${TREE_VERSION}\n`)
    copyFileSync(source, copy)
    writeFileSync(path.join(FOLDER, 'go.sum'), readFileSync(path.join(tree, 'go.sum')))
    await run('go', ['mod', 'tidy'], options)
  }
  await run('go', ['build', '-o', 'calico-client', '.'], options)
  return path.join(FOLDER, 'calico-client')
}

describe("what is written back, read by Calico's own code", () => {
  let program: string
  let calico: EtcdServer
  let remote: EtcdServer
  let client: Etcd3
  let gateway: WriteBackGateway
  let answer: Answer

  before(async function () {
    this.timeout(BUILD_MS)
    program = await build()
    ;[calico, remote] = await Promise.all([startEtcd(), startEtcd()])
    client = plainClient(calico.endpoint)
    const theirs = plainClient(remote.endpoint)
    const labels = {
      ...{app: 'web', 'pcns.team': 'x', 'projectcalico.org/namespace': 'shop', 'projectcalico.org/orchestrator': 'k8s'},
      ...{'example.org/Odd_Name.1': 'v-1_2.3', empty: ''},
    }
    await theirs
      .put(`${EXPORT}attributes/web`)
      .value(JSON.stringify({kind: 'pod', labels, namespace: 'shop', serviceAccount: 'front'}))
    await theirs.put(`${EXPORT}attributes/db`).value(JSON.stringify({kind: 'host', labels: {app: 'db'}}))
    await theirs.put(`${EXPORT}attributes/odd`).value(JSON.stringify({kind: 'pod', labels: {'not a name': 'x'}}))
    for (let i = 0; i < 1500; i++) {
      await theirs.put(`${EXPORT}endpoints/main/10.2.${i >> 8}.${i & 255}/web`).value('{"n":[]}')
    }
    for (const [at, id] of [
      ['fd00:2::7', 'web'],
      ['10.2.99.1', 'db'],
      ['10.2.99.2', 'odd'],
    ]) {
      await theirs.put(`${EXPORT}endpoints/main/${at}/${id}`).value('{"n":[]}')
    }
    theirs.close()
    gateway = await start()
    await eventually(isSettled, WITHIN_MS)
    const {stdout} = await run(program, [calico.endpoint], {maxBuffer: 1e8})
    answer = JSON.parse(stdout)
  })
  after(async () => {
    await gateway?.stop()
    client?.close()
    await Promise.all([calico?.stop(), remote?.stop()])
  })

  const start = (): Promise<WriteBackGateway> =>
    startWriteBackGateway({
      ...{calico: calico.endpoint, remote: remote.endpoint},
      writeBack: {
        ...{...WRITE_BACK, pools: {encapsulation: 'ipip', bgpExport: true}},
        gateways: {addresses: [address('192.168.10.1'), address('192.168.10.9')], blocks: address('192.168.10.9')},
      },
    })
  const isSettled = (): boolean => {
    const states = [...gateway.writeBack.rows()].map(({state}) => state)
    return states.length > 60 && states.every((state) => state === 'held')
  }
  const ofKind = (kind: string) => answer.objects.filter((one) => one.kind === kind)

  it('the client lists every object, and its validation takes each', async () => {
    const stored = Object.keys(await client.getAll().prefix(CALICO).strings()).filter((key) =>
      key.includes('/isthmus-'),
    )
    assert.ok(stored.length > 10)
    assert.equal(answer.objects.length, stored.length)
    for (const {name, invalid} of answer.objects) assert.equal(invalid, '', name)
  })

  it('it takes an update of each, so that a person can edit what is not ours', () => {
    for (const {name, update} of answer.objects) assert.equal(update, '', name)
  })

  it('and what the client stored then is not written again', async () => {
    const revision = async (): Promise<string> => (await client.kv.range({key: Buffer.from('/none')})).header.revision
    const before = await revision()
    await delay(2000)
    assert.ok(isSettled())
    assert.equal(await revision(), before)
  })

  it('the sets hold every address once, under the labels that a policy selects', () => {
    const web = ofKind('GlobalNetworkSet').filter(({object}) => object.metadata.labels.app === 'web')
    const nets = web.flatMap(({object}) => object.spec.nets)
    assert.equal(nets.length, 1501)
    assert.equal(new Set(nets).size, 1501)
    assert.deepEqual(web[0]!.object.metadata.labels, {
      ...{app: 'web', empty: '', 'example.org/Odd_Name.1': 'v-1_2.3', 'isthmus.io/namespace': 'shop'},
      ...{'isthmus.io/service-account': 'front', 'isthmus.io/site': 'b'},
    })
  })

  it('Felix gets every set and both pools, and throws none of them away', () => {
    const ours = answer.felix.filter(
      ({key}) => key.includes('isthmus-b-') || /IPPool\(.*(10\.2\.0\.0|fd00:2)/.test(key),
    )
    for (const {key, value, invalid} of ours) assert.ok(value !== null && invalid === '', `${key} ${invalid}`)
    const sets = ofKind('GlobalNetworkSet').length + ofKind('NetworkSet').length
    assert.equal(ours.filter(({key}) => key.startsWith('NetworkSet(')).length, sets)
    const pools = ours.filter(({key}) => key.startsWith('IPPool('))
    assert.deepEqual(
      pools.map(({value}) => [value!.cidr, value!.ipip_mode, value!.masquerade, value!.disabled]),
      [
        ['10.2.0.0/16', 'always', false, true],
        ['fd00:2::/48', '', false, true],
      ],
      JSON.stringify(pools),
    )
  })

  it('Felix on a node makes a route of every block, through IPIP to the gateway’s Node', () => {
    const blocks = answer.routes.filter(({dst}) => dst.startsWith('10.2.') && dst.endsWith('/20'))
    assert.equal(blocks.length, 16, JSON.stringify(answer.routes))
    for (const {pool, node, via} of blocks) {
      assert.deepEqual([pool, node, via], ['IPIP', 'isthmus-a.192-168-10-9', '192.168.10.9'])
    }
    const judged = answer.felix.filter(({key}) => /^BlockKey\(|isthmus-a\./.test(key))
    assert.ok(judged.length >= 16 + 2, JSON.stringify(answer.felix.map(({key}) => key)))
    for (const {key, value, invalid} of judged) assert.ok(value !== null && invalid === '', `${key} ${invalid}`)
  })
})
