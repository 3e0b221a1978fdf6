import assert from 'node:assert/strict'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {BirdClient, BirdUnreachable} from '../../src/bird/index.ts'
import {type ScriptedBird, scriptedBird} from '../support/scripted-bird.ts'

describe('BirdClient', () => {
  const {signal} = new AbortController()
  let folder: string
  let bird: ScriptedBird | null = null
  const socket = () => join(folder, 'bird.ctl')
  const script = async (answer: Parameters<typeof scriptedBird>[1]) => {
    bird = await scriptedBird(socket(), answer)
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'is-client-'))
  })
  afterEach(async () => {
    await bird?.close()
    bird = null
    rmSync(folder, {recursive: true})
  })

  it('answers come to their requests in order, also when asked at once', async () => {
    await script((command) => `0001 ${command}`)
    const client = await BirdClient.connect(socket(), signal)
    const replies = await Promise.all(['a', 'b', 'c'].map((command) => client.request(command, signal)))
    assert.deepEqual(
      replies.map(({lines}) => lines.map(({text}) => text)),
      [['a'], ['b'], ['c']],
    )
    client.close()
    await client.closed
  })

  it('nobody behind the path is BirdUnreachable', async () => {
    await assert.rejects(BirdClient.connect(socket(), signal), BirdUnreachable)
  })

  it('a BIRD that hangs up ends every request, and later ones at once', async () => {
    await script((command) => (command === '' ? '0001 ready' : null))
    const client = await BirdClient.connect(socket(), signal)
    await assert.rejects(client.request('show status', signal), BirdUnreachable)
    await client.closed
    await assert.rejects(client.request('show status', signal), BirdUnreachable)
  })

  it('an abort ends a request to a BIRD that is silent', async () => {
    await script((command) => (command === '' ? '0001 ready' : undefined))
    const client = await BirdClient.connect(socket(), signal)
    const stop = new AbortController()
    const asked = client.request('show status', stop.signal)
    stop.abort(new Error('enough'))
    await assert.rejects(asked, /enough/)
    await client.closed
  })

  it('two lines in one command are refused: they would be two commands', async () => {
    await script((command) => `0001 ${command}`)
    const client = await BirdClient.connect(socket(), signal)
    await assert.rejects(client.request('show status\ndown', signal), /not one line/)
    client.close()
  })
})
