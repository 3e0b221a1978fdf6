import assert from 'node:assert/strict'
import {type ChildProcess, spawn, spawnSync} from 'node:child_process'
import {existsSync, statfsSync} from 'node:fs'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {LAB_DIR} from '../../lab/world.ts'

const ROOT = join(import.meta.dirname, '../..')
/** As statfs(2) names it. */
const TMPFS_MAGIC = 0x01021994
const LAB = [join(ROOT, 'lab/main.ts'), '--scenario', join(ROOT, 'lab/scenarios/self-test.yaml')]

/** What a lab leaves on the machine while it stands: its namespaces, what runs in them, its folder. */
function traces(): {namespaces: number; processes: number; folder: boolean} {
  const lines = (file: string, ...args: string[]): string[] =>
    spawnSync(file, args, {encoding: 'utf8'}).stdout.split('\n').filter(Boolean)
  // `il-probe-PID` is how any lab, also one that goes on in a VM, tries what the kernel has.
  const namespaces = lines('ip', 'netns', 'list').filter((line) => /^il-(?!probe-)/.test(line))
  const processes = namespaces.flatMap((line) => lines('ip', 'netns', 'pids', line.split(' ')[0]!))
  return {namespaces: namespaces.length, processes: processes.length, folder: existsSync(LAB_DIR)}
}

describe('the lab, one at a time', () => {
  const children: ChildProcess[] = []
  after(() => {
    for (const child of children) child.kill('SIGTERM')
  })

  /** Starts a lab that stays up, and waits until it says that it is joined. */
  async function startLab(): Promise<{child: ChildProcess; ended: Promise<number | null>}> {
    const child = spawn(process.execPath, LAB, {stdio: ['ignore', 'ignore', 'pipe']})
    children.push(child)
    const ended = new Promise<number | null>((resolve) => void child.once('exit', resolve))
    const said: string[] = []
    await new Promise<void>((resolve, reject) => {
      createInterface({input: child.stderr!}).on('line', (line) => {
        said.push(line)
        if (line.startsWith('joined')) resolve()
      })
      void ended.then((status) => reject(new Error(`the lab ended with ${status}: ${said.join('\n')}`)))
    })
    return {child, ended}
  }

  it('refuses a second, cleans up after one that was killed hard, and leaves nothing when it is ended', async () => {
    const first = await startLab()
    const standing = traces()
    assert.equal(statfsSync(LAB_DIR).type, TMPFS_MAGIC, 'its etcds wait for no disk')

    const second = spawnSync(process.execPath, [...LAB, '--verify'], {encoding: 'utf8'})
    assert.equal(second.status, 2)
    assert.match(second.stderr, new RegExp(`A lab is running already \\(pid ${first.child.pid}\\)`))
    assert.deepEqual(traces(), standing, 'the first is as it was')

    first.child.kill('SIGKILL')
    await first.ended
    const left = traces()
    assert.ok(left.namespaces > 0 && left.processes > 0 && left.folder, 'something is left to be cleaned up')

    const third = await startLab()
    assert.equal(traces().namespaces, standing.namespaces)
    third.child.kill('SIGINT')
    assert.equal(await third.ended, 130)
    assert.deepEqual(traces(), {namespaces: 0, processes: 0, folder: false})
  }).timeout(60_000)
})
