import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {runCommand} from '../../src/takeover/index.ts'
import {eventually} from '../support/namespace.ts'

const run = (command: readonly string[], timeoutMs = 5000, signal = new AbortController().signal) =>
  runCommand(command, {ISTHMUS_REASON: 'a reason'}, {timeoutMs, signal})

describe('the command that takes routes', () => {
  it('gets its arguments as they are, and the reason; what it says and how it ended is told', async () => {
    const {ok, status, said} = await run(['/bin/sh', '-c', 'echo "$0|$1|$ISTHMUS_REASON"', '$(id)', 'a b; c'])
    assert.deepEqual([ok, status, said], [true, 0, '$(id)|a b; c|a reason'])
    const failed = await run(['/bin/sh', '-c', 'echo no >&2; exit 9'])
    assert.deepEqual([failed.ok, failed.status, failed.said], [false, 9, 'no'])
  })

  it('that is not there, or says too much', async () => {
    const missing = await run(['/nowhere/take-routes'])
    assert.deepEqual([missing.ok, missing.status], [false, null])
    assert.match(missing.said, /ENOENT/)
    const loud = await run(['/bin/sh', '-c', 'yes | head -c 100000; echo end'])
    assert.ok(loud.ok && loud.said.length <= 2000 && loud.said.endsWith('end'))
  })

  it('that may not be started, which Node throws, is told like any other that failed', async () => {
    // As of prefixes that are more than an environment may hold.
    const [env, signal] = [{ISTHMUS_PREFIXES: '10.0.0.0/24 '.repeat(200_000)}, new AbortController().signal]
    const large = await runCommand(['/bin/true'], env, {timeoutMs: 5000, signal})
    assert.deepEqual([large.ok, large.status], [false, null])
    assert.match(large.said, /E2BIG/)
  })

  it('that takes too long is ended with all that it began, and so is one that is no longer wanted', async () => {
    const slow = ['/bin/sh', '-c', 'sleep 20 & echo $!; wait']
    const late = await run(slow, 200)
    assert.deepEqual([late.ok, late.timedOut, late.status], [false, true, null])
    assert.ok(late.durationMs < 5000)
    await assertGone(Number(late.said))
    const end = new AbortController()
    setTimeout(() => end.abort(), 200)
    const ended = await run(slow, 10_000, end.signal)
    assert.deepEqual([ended.ok, ended.timedOut], [false, false])
    await assertGone(Number(ended.said))
  })
})

/** A killed process may be seen for as long as nobody has asked how it ended; then it has no command line. */
async function assertGone(pid: number): Promise<void> {
  assert.ok(pid > 1)
  await eventually(() => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === ''
    } catch {
      return true
    }
  }, 1000)
}
