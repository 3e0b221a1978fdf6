import assert from 'node:assert/strict'
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {readFileSync} from 'node:fs'
import path from 'node:path'
import type {Readable} from 'node:stream'

/** The tutorial as it is typed: the lab in one terminal, all other blocks one after the other in a shell beside it. */
const ROOT = path.resolve(import.meta.dirname, '../..')
const TEXT = readFileSync(path.join(ROOT, 'docs/tutorial.md'), 'utf8')
const BLOCKS = TEXT.split(/\n\n/)
  .filter((part) => /^ {4}\S/.test(part))
  .map((part) => part.replaceAll(/^ {4}/gm, ''))

/** What a newcomer must see, block by block; the first starts the lab, the last judges it anew. */
const SEEN: readonly (readonly RegExp[])[] = [
  [/ 0% packet loss/, /10\.1\.0\.5/],
  [/^allow: /m, /^deny: /m],
  [/gateway a1 of site a: ready/, /10\.1\.0\.5/, /dev is-b-/, /isthmus_tunnel_up/],
  [/closes icmp; tcp 80/, /configured/],
  [
    /^deny: rule 1 of GlobalNetworkPolicy web/m,
    /^refused$/m,
    /isthmus_dropped_packets_total\{reason="policy",direction="ingress",peer="b".*\} [1-9]/,
  ],
  [/the document was read at revision/, /^refused$/m, /configured/, /10\.1\.0\.5/],
  [/b\/b1\/wan.* up /],
  [/20 received, 0% packet loss/, /gateway a1 of site a: ready/],
]
const MARK = '=== the next block ==='

describe('docs/tutorial.md', () => {
  const [start, ...rest] = BLOCKS
  const [judge] = rest.splice(-1)
  let lab: ChildProcess

  before(async function () {
    this.timeout(300_000)
    assert.equal(rest.length, SEEN.length)
    const command = start!.split('\n').find((line) => line.startsWith('npm run lab'))!
    lab = spawn('bash', ['-c', `exec ${command}`], {cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true})
    const up = gathering([lab.stdout!, lab.stderr!])
    while (!/stays up until Ctrl-C/.test(up())) {
      assert.equal(lab.exitCode, null, up())
      await Promise.race([once(lab.stdout!, 'data'), once(lab.stderr!, 'data'), once(lab, 'exit')])
    }
    assert.match(up(), /joined/)
  })

  it('is seen as it is written', async function () {
    this.timeout(300_000)
    const shell = spawn('bash', [], {cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit']})
    const whole = gathering([shell.stdout])
    // One stream for both, so that what is said stands where it was said.
    shell.stdin.end(`exec 2>&1\n${rest.join(`\necho '${MARK}'\n`)}\n`)
    await once(shell, 'close')
    const said = whole()
    const parts = said.split(MARK)
    assert.equal(parts.length, rest.length)
    for (const [index, expected] of SEEN.entries()) for (const one of expected) assert.match(parts[index]!, one)
    assert.doesNotMatch(said, /Deprecation|command not found|No such file/)
  })

  after(async function () {
    this.timeout(60_000)
    process.kill(-lab.pid!, 'SIGINT')
    if (lab.exitCode === null) await once(lab, 'exit')
  })

  it('ends with a command that there is', () => assert.match(judge!, /^npm run lab -- --scenario \S+ --verify$/))
})

function gathering(streams: readonly Readable[]): () => string {
  let said = ''
  for (const stream of streams)
    stream.on('data', (chunk) => {
      said += String(chunk)
    })
  return () => said
}
