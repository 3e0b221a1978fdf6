import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {type BirdClient, BirdUnreachable, keepBird} from '../../src/bird/index.ts'
import {scriptedBird} from '../support/scripted-bird.ts'

describe('keepBird', () => {
  const {signal} = new AbortController()
  let folder: string
  const socket = () => join(folder, 'bird.ctl')
  const used: BirdClient[] = []
  const ask = async (client: BirdClient): Promise<string> => {
    used.push(client)
    return (await client.request('show status', signal)).lines[0]!.text
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'is-kept-'))
    used.length = 0
  })
  afterEach(() => rmSync(folder, {recursive: true}))

  it('one connection serves one use after the other; a BIRD that came anew is found', async () => {
    const bird = keepBird(socket(), signal)
    await assert.rejects(bird.use(ask, signal), BirdUnreachable)
    const first = await scriptedBird(socket(), () => '0001 first')
    assert.deepEqual([await bird.use(ask, signal), await bird.use(ask, signal)], ['first', 'first'])
    assert.equal(used[0], used[1])
    await first.close()
    await used[0]!.closed
    const second = await scriptedBird(socket(), () => '0001 second')
    assert.equal(await bird.use(ask, signal), 'second')
    await second.close()
  })

  it('after a failure, whosever it was, the connection is another one', async () => {
    const server = await scriptedBird(socket(), () => '0001 here')
    const bird = keepBird(socket(), signal)
    await bird.use(ask, signal)
    await assert.rejects(
      bird.use(() => Promise.reject(new Error('mine')), signal),
      /mine/,
    )
    await bird.use(ask, signal)
    assert.notEqual(used[0], used[1])
    await server.close()
  })

  it('ends with its signal', async () => {
    const server = await scriptedBird(socket(), () => '0001 here')
    const until = new AbortController()
    const bird = keepBird(socket(), until.signal)
    await bird.use(ask, signal)
    until.abort()
    await used[0]!.closed
    await assert.rejects(bird.use(ask, signal), /abort/)
    await server.close()
  })
})
