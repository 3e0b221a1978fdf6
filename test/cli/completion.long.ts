import assert from 'node:assert/strict'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {type RunningApi, startApi} from '../../src/api/index.ts'
import {fakeView} from '../support/fake-view.ts'
import {openShell, type ShellTerminal} from '../support/shell-terminal.ts'

/** Each TAB starts the command line from its sources: a second or so. */
describe('completion in real shells', function () {
  this.timeout(60_000)
  let folder: string
  let socketPath: string
  let api: RunningApi
  let shell: ShellTerminal | null = null
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'isthmus-completion-'))
    socketPath = path.join(folder, 'api.sock')
    api = await startApi({view: fakeView(), socketPath, metrics: null, onError: assert.fail})
  })
  afterEach(() => shell?.end())
  after(async () => {
    await api.close()
    await rm(folder, {recursive: true, maxRetries: 5})
  })

  it('bash: names in quotes, values after an equal sign', async () => {
    shell = await openShell('bash --norc --noprofile -i', 'eval "$(isthmus completion bash)"', {folder, socketPath})
    await shell.type('isthmus get tunnels "wan c\t', '"wan c/c1/wan 0" ')
    await shell.type('isthmus get tunnels --output=js\t', '--output=json ')
    await shell.type('isthmus describe tunn\t', 'describe tunnel ')
  })

  it('zsh: commands, kinds, names with spaces', async () => {
    const begin = 'autoload -U compinit; compinit -u -D; eval "$(isthmus completion zsh)"'
    shell = await openShell('zsh -f -i', begin, {folder, socketPath})
    await shell.type('isthmus stat\t', 'isthmus status')
    await shell.type('isthmus get tunnels wan\\ c\t', 'wan\\ c/c1/wan\\ 0')
    await shell.type('isthmus describe tunn\t', 'describe tunnel')
  })
})
