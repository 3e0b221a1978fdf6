import {spawn} from 'node:child_process'
import {firstWords, type NftRunner, parseErrors} from './runner.ts'

/** A new `nft` process for each call: what is left where there is no library. 14 ms a call, and 1.5 s of startup at 100,000 elements. */
export function createProcessRunner(): NftRunner {
  const nft = (args: readonly string[], input = '') =>
    new Promise<{ok: boolean; output: string; error: string}>((resolve, reject) => {
      // Node's pipes are sockets, which nft 1.0.9 (Ubuntu 24.04) refuses to read a script from.
      const [file, ...all] = input === '' ? ['nft', ...args] : ['sh', '-c', 'cat | nft "$@"', 'nft', ...args]
      const child = spawn(file!, all, {stdio: ['pipe', 'pipe', 'pipe']})
      const output: Buffer[] = []
      const error: Buffer[] = []
      child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
      child.stderr.on('data', (chunk: Buffer) => error.push(chunk))
      child.on('error', reject)
      // nft may stop reading at the first syntax error; its exit says so.
      child.stdin.on('error', () => child.stdin.destroy())
      child.on('close', (code) =>
        resolve({ok: code === 0, output: Buffer.concat(output).toString(), error: Buffer.concat(error).toString()}),
      )
      child.stdin.end(input)
    })
  return {
    kind: 'process',
    async run(script) {
      const {ok, error} = await nft(['-f', '-'], script)
      return ok ? null : firstWords(error)
    },
    async explain(script) {
      const {ok, error} = await nft(['-c', '-f', '-'], script)
      return ok ? [] : parseErrors(error)
    },
    async list(command, format) {
      const {ok, output} = await nft([...(format === 'json' ? ['-j'] : []), ...command.split(' ')])
      return ok ? output : null
    },
    close() {
      // Nothing is held between calls.
    },
  }
}
