import assert from 'node:assert/strict'
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parseGatewayConfig} from '../../../src/config/index.ts'
import {openShell, type ShellTerminal} from '../../support/shell-terminal.ts'

/** The kernel's own terminal between a person and the command, from its sources. */
describe('isthmus setup at a real terminal', function () {
  this.timeout(60_000)
  let folder: string
  let place: string
  let shell: ShellTerminal
  const FLAGS = '--gateway a1 --address 192.0.2.1 --infrastructure none --twin none --nodes none --router none'
  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'isthmus-terminal-'))
    place = mkdtempSync(path.join(tmpdir(), 'isthmus-terminal-'))
    shell = await openShell('bash --norc --noprofile -i', 'true', {folder, socketPath: path.join(folder, 'none.sock')})
  })
  afterEach(() => {
    shell.end()
    for (const one of [folder, place]) rmSync(one, {recursive: true, maxRetries: 5})
  })

  it('typed answer by answer, one of them wrong; some of them pasted together', async () => {
    const file = path.join(place, 'gateway.yaml')
    await shell.type(`isthmus setup --config ${file} ${FLAGS}\n`, 'site: ')
    await shell.type('Fra\n', 'no: "Fra" is not a site name')
    await shell.type('fra\n', 'interconnect [100.64.0.0/16]: ')
    await shell.type('\n3\n\n\n', 'public [none]: ')
    await shell.type('\n', 'owns: ')
    await shell.type('10.1.0.0/16\n', 'default [deny]: ')
    await shell.type('\n\n\n', 'name [none]: ')
    await shell.type('\n\n\n', '? [y/N] ')
    assert.deepEqual(readdirSync(place), [])
    await shell.type('y\n', 'written and checked')
    const {config} = parseGatewayConfig(readFileSync(file, 'utf8'), file)
    assert.deepEqual([config!.site, config!.as, config!.owns], ['fra', 4200000003, ['10.1.0.0/16']])
  })

  for (const {name, keys, seen} of [
    {name: 'Ctrl-C', keys: '\x03', seen: '$ '},
    {name: 'Ctrl-D', keys: '\x04', seen: 'nothing was changed'},
  ]) {
    it(`${name} in the middle leaves nothing`, async () => {
      await shell.type(`isthmus setup --config ${path.join(place, 'gateway.yaml')} ${FLAGS}\n`, 'site: ')
      await shell.type('fra\n', 'interconnect [100.64.0.0/16]: ')
      await shell.type(keys, seen)
      await shell.type('echo at the pro""mpt\n', 'at the prompt')
      assert.deepEqual(readdirSync(place), [])
    })
  }
})
