// What a start does, each step for all remote sites before the next one begins: prints `StepFigures` as JSON.
import {readFileSync} from 'node:fs'
import {createNftDriver} from '../../src/apply/index.ts'
import {parseGatewayConfig} from '../../src/config/index.ts'
import {decodeRecord} from '../../src/decode/index.ts'
import {diffNft} from '../../src/diff/index.ts'
import {connect, readPrefix} from '../../src/etcd/index.ts'
import {Federation} from '../../src/federate/index.ts'
import type {DecodedBatch, SourceId} from '../../src/model/index.ts'
import {plan} from '../../src/plan/index.ts'
import {type Compiled, compilePolicy, shutPolicy} from '../../src/policy/index.ts'
import type {StepFigures} from './federation-plan.ts'

const file = process.argv[2]!
const {config} = parseGatewayConfig(readFileSync(file, 'utf8'), file)
if (!config) throw new Error(`${file} is refused`)

const seconds = {list: 0, decode: 0, federate: 0, compile: 0, nft: 0}
async function timed<T>(step: keyof typeof seconds, work: () => T | Promise<T>): Promise<T> {
  const beganMs = performance.now()
  const result = await work()
  seconds[step] += (performance.now() - beganMs) / 1000
  return result
}

const federation = new Federation(config)
const own = config.datastores.map(({name, endpoints}) => ({
  source: `datastore/${name}` satisfies SourceId,
  endpoints,
  prefix: '/isthmus/v1/resources/',
}))
const remote = [...config.sites.values()].map(({name, endpoints}) => ({
  source: `export/${name}` satisfies SourceId,
  endpoints,
  prefix: '/isthmus/v1/export/',
}))
for (const {source, endpoints, prefix} of [...own, ...remote]) {
  const connection = connect({endpoints, tls: null, user: null})
  const {records, revision, clusterId} = await timed('list', () => readPrefix(connection.client(0), prefix))
  connection.close()
  const upserts = await timed('decode', () => records.map((record) => decodeRecord(record, source)))
  const batch: DecodedBatch = {source, type: 'list', revision, clusterId, upserts, deletes: []}
  await timed('federate', () => federation.update(batch))
}
const world = await timed('federate', () => {
  const made = federation.world()
  federation.takeMemberChanges()
  return made
})
const shut = shutPolicy({default: config.default, firstClass: 1})
const policy = await timed('compile', () =>
  compilePolicy(world, {default: config.default, previous: shut, firstClass: 1, changes: null}),
)
const driver = createNftDriver({table: 'steps'})
const signal = new AbortController().signal
await timed('nft', async () => {
  const planOf = (compiled: Compiled) =>
    plan({
      ...{config, world, policy: compiled},
      ...{
        keys: new Map(),
        passwords: new Map(),
        uplinkDevices: ['wan0'],
        devices: new Map(),
        draining: false,
        limits: new Map(),
      },
    })
  const opened = planOf(policy)
  // As the gateway does it: a million elements as one script of nft's would take all the memory there is.
  for (const table of [planOf(shut).desired.nft, ...opened.stages, opened.desired.nft]) {
    const outcomes = await driver.apply(diffNft(table, await driver.read(signal)), signal)
    const bad = outcomes.find(({ok}) => !ok)
    if (bad) throw new Error(JSON.stringify(bad))
  }
})
await driver.close()
const figures: StepFigures = {
  listSeconds: seconds.list,
  decodeSeconds: seconds.decode,
  federateSeconds: seconds.federate,
  compileSeconds: seconds.compile,
  nftSeconds: seconds.nft,
}
console.log(JSON.stringify(figures))
