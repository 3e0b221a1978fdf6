import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {loadScenario} from '../../lab/scenario/load.ts'
import type {Event} from '../../lab/scenario/schema.ts'
import {adminClient} from '../../lab/site/etcd.ts'
import {makeHappen} from '../../lab/steps/events.ts'
import {look} from '../../lab/steps/look.ts'
import {startWorld, type World} from '../../lab/world.ts'

const SCENARIOS = join(import.meta.dirname, '../../lab/scenarios')
const name = 'x'

describe('the lab’s faults, on a network made by hand', () => {
  let world: World
  before(async function () {
    this.timeout(60_000)
    const {scenario, dir} = loadScenario(join(SCENARIOS, 'self-test.yaml'))
    world = await startWorld(scenario, dir, () => undefined)
  })
  after(async function () {
    this.timeout(20_000)
    await world?.stop()
  })
  const happen = (event: Event): Promise<void> => makeHappen(world, event, SCENARIOS)

  it('putRaw: bytes that are no text', async () => {
    await happen({putRaw: {datastore: 'a/main', key: '/calico/bytes', base64: '/w8='}})
    const {members} = world.etcd('a/main')
    const client = adminClient({members})
    const bytes = await client.get('/calico/bytes').buffer()
    client.close()
    assert.deepEqual(bytes, Buffer.from([0xff, 0x0f]))
  })

  it('backup and restore: what came later is gone, in the same cluster or in another', async () => {
    const clusterOf = async (): Promise<string> => {
      const client = adminClient(world.etcd('b/main'))
      const {header} = await client.kv.range({key: Buffer.from('x')})
      client.close()
      return header.cluster_id
    }
    const stored = async (): Promise<string | null> => {
      const client = adminClient(world.etcd('b/main'))
      const value = await client.get('/calico/later')
      client.close()
      return value
    }
    const first = await clusterOf()
    await happen({backup: 'b/main'})
    for (const newCluster of [false, true]) {
      await happen({putRaw: {datastore: 'b/main', key: '/calico/later', text: 'x'}})
      await happen({restore: 'b/main', newCluster})
      assert.equal(await stored(), null)
      assert.equal((await clusterOf()) === first, !newCluster)
    }
  })

  it('alarm: nothing can be written until it ends', async () => {
    const put: Event = {putRaw: {datastore: 'a/main', key: '/calico/x', text: 'x'}}
    await happen({alarm: 'a/main', raised: true})
    await assert.rejects(happen(put), /space exceeded/)
    await happen({alarm: 'a/main', raised: false})
    await happen(put)
  })

  it('compact: earlier revisions are gone', async () => {
    await happen({compact: 'a/main'})
    const client = adminClient(world.etcd('a/main'))
    await assert.rejects(client.kv.range({key: Buffer.from('x'), revision: 2}), /compacted/)
    client.close()
  })

  it('partition and mend: the gateway does not reach the etcd, and does again', async () => {
    const command = "timeout 1 bash -c 'echo > /dev/tcp/127.0.0.1/2379'"
    const reaches = async (): Promise<boolean> =>
      (await look(world, {name, exec: {in: 'a1', command}, expect: {status: 0}})).ok
    const seen = [await reaches()]
    for (const event of [{partition: {gateway: 'a/a1', from: 'a/main'}}, {mend: 'all'}] satisfies Event[]) {
      await happen(event)
      seen.push(await reaches())
    }
    assert.deepEqual(seen, [true, false, true])
  })

  it('renew: another CA in the same file', async () => {
    const file = join(world.dirOf('certificates'), 'ca.pem')
    const before = readFileSync(file, 'utf8')
    await happen({renew: 'certificates'})
    assert.notEqual(readFileSync(file, 'utf8'), before)
  })

  // A step that did not take place proves nothing, so it must fail.
  const impossible: [event: Event, words: RegExp][] = [
    [{partition: {gateway: 'z/z1', from: 'a/main'}}, /no gateway z\/z1/],
    [{partition: {gateway: 'a/a1', from: 'z/main'}}, /no datastore z/],
    [{removeMember: 'a/main/etcd2'}, /no etcd2 at a\/main/],
  ]
  for (const [event, words] of impossible) {
    it(`${JSON.stringify(event)} fails`, () => assert.rejects(happen(event), words))
  }
}).timeout(60_000)
