import {spawn} from 'node:child_process'
import {existsSync} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {startApi} from '../../src/api/index.ts'
import {fakeView} from '../../test/support/fake-view.ts'
import {type BenchResult, medianOf} from '../result.ts'

const ROUNDS = 20
const CLI = path.resolve(import.meta.dirname, '../../dist/isthmus.mjs')

/** Start to end of the bundled command line, beside a bare Node of the same kind. */
export async function cliStart(): Promise<readonly BenchResult[]> {
  if (!existsSync(CLI)) throw new Error('dist/isthmus.mjs is not there: run `npm run build` first')
  const folder = await mkdtemp(path.join(tmpdir(), 'isthmus-bench-'))
  const socketPath = path.join(folder, 'api.sock')
  const api = await startApi({view: fakeView(), socketPath, metrics: null, onError: console.error})
  try {
    const [bare, version, status]: [number[], number[], number[]] = [[], [], []]
    for (let round = 0; round < ROUNDS; round++) {
      bare.push(await timeMs(['-e', '0']))
      version.push(await timeMs([CLI, 'version']))
      status.push(await timeMs([CLI, '--socket', socketPath, 'status']))
    }
    return [
      {name: 'status/start-ms', ...medianOf(status), unit: 'ms', goal: '<=150'},
      {name: 'version/start-ms', ...medianOf(version), unit: 'ms'},
      {name: 'node/start-ms', ...medianOf(bare), unit: 'ms'},
    ]
  } finally {
    await api.close()
    await rm(folder, {recursive: true})
  }
}

function timeMs(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const child = spawn(process.execPath, args, {stdio: 'ignore'})
    child.on('error', reject)
    child.on('exit', (code) =>
      code === 0 ? resolve(performance.now() - began) : reject(new Error(`${args.join(' ')}: status ${code}`)),
    )
  })
}
