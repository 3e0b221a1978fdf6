import assert from 'node:assert/strict'
import {runProgram} from '../../src/cli/run-program.ts'

describe('a program of the machine', () => {
  const sh = (script: string, options = {}) => runProgram('sh', ['-c', script], options)
  const aborted = AbortSignal.abort()
  for (const [name, run, want] of [
    ['says something', () => sh('echo a; echo b >&2'), {ok: true, out: 'a\n', why: ''}],
    ['fails, in its own words', () => sh('echo a; echo "no b" >&2; exit 3'), {ok: false, out: 'a\n', why: 'no b'}],
    ['fails without a word', () => sh('exit 3'), {ok: false, out: '', why: 'Command failed: sh -c exit 3'}],
    ['is not there', () => runProgram('/nonexistent/x', []), {ok: false, out: '', why: 'not found'}],
    ['takes too long', () => sh('sleep 5', {timeoutMs: 100}), {ok: false, out: '', why: 'no answer within 0.1 s'}],
    [
      'is not waited for',
      () => sh('sleep 5', {signal: aborted}),
      {ok: false, out: '', why: 'The operation was aborted'},
    ],
  ] as const) {
    it(name, async () => assert.deepEqual(await run(), want))
  }
})
