import {type ChildProcess, spawn, spawnSync} from 'node:child_process'
import {mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {conntrackdConf} from '../../lab/site/conntrackd.ts'
import {eventually, type Namespace} from './namespace.ts'

export interface Conntrackd {
  /** A client command: -B sends all that it knows, -n asks the other for that, -s network tells figures. */
  run(...args: string[]): string
  stop(): Promise<void>
}

/** 1.4.7 is 1,004,007. */
export function conntrackdVersion(): number {
  const said = spawnSync('conntrackd', ['-v'], {encoding: 'utf8'})
  const version = /v(\d+)\.(\d+)\.(\d+)/.exec(`${said.stdout}${said.stderr}`)
  if (!version) throw new Error('conntrackd is not there, or does not say its version: apt-get install conntrackd')
  const [, major, minor, patch] = version
  return Number(major) * 1_000_000 + Number(minor) * 1_000 + Number(patch)
}

/** A conntrackd that gives the states of its namespace to the one at the other address, in whose kernel they are at once. */
export async function startConntrackd(
  namespace: Namespace,
  at: {readonly folder: string; readonly device: string; readonly own: string; readonly other: string},
): Promise<Conntrackd> {
  mkdirSync(at.folder)
  const file = join(at.folder, 'conf')
  writeFileSync(file, conntrackdConf(at.folder, at))
  const child: ChildProcess = spawn('ip', ['netns', 'exec', namespace.name, 'conntrackd', '-C', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const run = (...args: string[]): string => namespace.run(`conntrackd -C ${file} ${args.join(' ')} 2>/dev/null`)
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`conntrackd ended; ${at.folder}/conntrackd.log says why`)
    try {
      return run('-s', 'network').length > 0
    } catch {
      return false
    }
  }, 5000)
  return {
    run,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null) resolve()
        child.once('exit', () => resolve())
        child.kill('SIGTERM')
      }),
  }
}
