import assert from 'node:assert/strict'
import {mkdtempSync, renameSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {WatchState} from '../../src/etcd/index.ts'
import {watchFile} from '../../src/gateway/file-source.ts'
import type {Finding, SourceBatch} from '../../src/model/index.ts'

const host = (name: string, address: string): string => `
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: ${name}, labels: {role: rack}}
spec: {node: ${name}, expectedIPs: [${address}]}
`
const KEY = '/isthmus/v1/resources/projectcalico.org/hostendpoints/'

/** A file and who follows it, whose clock goes on by one look when it is told to. */
function follow(file: string) {
  const batches: SourceBatch[] = []
  const stop = new AbortController()
  let state: WatchState | null = null
  let findings: readonly Finding[] = []
  let wake: (() => void) | null = null
  let asleep = Promise.withResolvers<void>()
  const {done} = watchFile({
    source: 'datastore/rack',
    file,
    signal: stop.signal,
    clock: {
      nowMs: () => 0,
      random: () => 0,
      sleep: (_ms, signal) =>
        new Promise((resolve) => {
          wake = resolve
          signal.addEventListener('abort', () => resolve())
          asleep.resolve()
        }),
    },
    onBatch: (batch) => void batches.push(batch),
    onState: (now) => {
      state = now
    },
    onFindings: (found) => {
      findings = found
    },
  })
  return {
    batches,
    state: (): WatchState | null => state,
    findings: () => findings,
    /** The look that is going on has ended. */
    async rest(): Promise<void> {
      await asleep.promise
    },
    async look(): Promise<void> {
      await asleep.promise
      asleep = Promise.withResolvers<void>()
      wake?.()
      await asleep.promise
    },
    async end(): Promise<void> {
      stop.abort()
      await done
    },
  }
}

describe('a datastore that is a file', () => {
  let folder = ''
  let file = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'isthmus-file-'))
    file = join(folder, 'rack.yaml')
  })
  after(() => rmSync(folder, {recursive: true}))

  const put = (text: string, to = file): void => {
    writeFileSync(`${to}.new`, text)
    renameSync(`${to}.new`, to)
  }

  it('says what it holds; what changed has a new revision, what did not has not', async () => {
    put(`${host('h1', '10.1.9.1')}---${host('h2', '10.1.9.2')}`)
    const followed = follow(file)
    await followed.rest()
    assert.deepEqual(
      followed.batches.map(({type, upserts}) => [type, upserts.map(({key}) => key)]),
      [['list', [`${KEY}h1`, `${KEY}h2`]]],
    )
    assert.deepEqual([followed.state()?.synced, followed.state()?.connected], [true, true])

    put(`${host('h1', '10.1.9.1')}---${host('h2', '10.1.9.22')}`)
    await followed.look()
    assert.equal(followed.batches.length, 1, 'it may still be written: one look of rest first')
    await followed.look()
    const [first, second] = followed.batches
    const revision = (batch: SourceBatch | undefined, name: string): number =>
      batch!.upserts.find(({key}) => key === `${KEY}${name}`)!.modRevision
    assert.equal(revision(first, 'h1'), revision(second, 'h1'))
    assert.ok(revision(first, 'h2') < revision(second, 'h2'))
    await followed.look()
    assert.equal(followed.batches.length, 2, 'the same file is no news')
    await followed.end()
  })

  it('wrong or gone, what it said last counts, and the finding has file and line', async () => {
    put(host('h1', '10.1.9.1'))
    const followed = follow(file)
    await followed.rest()
    put(host('h1', 'nowhere'))
    await followed.look()
    await followed.look()
    await followed.look()
    assert.equal(followed.batches.length, 1)
    const [finding] = followed.findings()
    assert.deepEqual([finding?.where.source, finding?.where.line, finding?.severity], [`file ${file}`, 5, 'error'])
    assert.deepEqual([followed.state()?.connected, followed.state()?.synced], [false, true])

    rmSync(file)
    await followed.look()
    assert.match(followed.findings()[0]!.detail, /ENOENT/)
    assert.equal(followed.batches.length, 1)

    put(host('h3', '10.1.9.3'))
    await followed.look()
    await followed.look()
    assert.deepEqual(
      followed.batches.at(-1)?.upserts.map(({key}) => key),
      [`${KEY}h3`],
    )
    assert.deepEqual([followed.findings(), followed.state()?.connected], [[], true])
    assert.ok(statSync(file).size > 0)
    await followed.end()
  })

  it('a snapshot is read as one; a bad line refuses all of it', async () => {
    const snapshot = join(folder, 'b.jsonl')
    const header =
      '{"kind":"snapshot","version":1,"site":"a","source":"datastore","datastore":"x","clusterId":"1","revision":7}'
    const record = `{"key":"${KEY}h","text":"{}","modRevision":5}`
    put(`${header}\n${record}\n`, snapshot)
    const followed = follow(snapshot)
    await followed.rest()
    assert.deepEqual(
      followed.batches[0]?.upserts.map(({key}) => key),
      [`${KEY}h`],
    )
    put(`${header}\n${record}\nno record\n`, snapshot)
    await followed.look()
    await followed.look()
    assert.deepEqual([followed.batches.length, followed.findings()[0]?.where.line], [1, 3])
    await followed.end()
  })
})
