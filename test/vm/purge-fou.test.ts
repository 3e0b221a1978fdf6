import assert from 'node:assert/strict'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import type {FouPort} from '../../src/model/index.ts'
import {parseAddress} from '../../src/net/index.ts'
import {writeFouPorts} from '../../src/store/index.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {inNamespace, shell} from '../support/namespace.ts'
import {cli} from '../support/run-cli.ts'

// Needs the module fou; run in the VM where the running kernel has none.
const OURS: readonly FouPort[] = [
  {local: parseAddress('192.0.2.1')!, port: 5555, protocol: 4},
  {local: parseAddress('2001:db8::1')!, port: 5556, protocol: 41},
]

inNamespace(import.meta.url, () => {
  describe('isthmus purge of fou ports', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-purge-fou-'))
    const state = path.join(folder, 'state')
    const file = path.join(folder, 'gateway.yaml')
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

    before(() => {
      shell(`modprobe fou; modprobe fou6; ip link add fou0 type dummy; ip link set fou0 up
ip address add 192.0.2.1/24 dev fou0; ip address add 2001:db8::1/64 dev fou0 nodad
ip fou add port 5555 ipproto 4 local 192.0.2.1; ip -6 fou add port 5556 ipproto 41 local 2001:db8::1
ip fou add port 7777 ipproto 4`)
      const paths = `{state: ${state}, run: ${folder}/run, birdConfig: ${folder}/bird.conf, birdSocket: ${folder}/bird.ctl}`
      writeFileSync(file, `${gatewayYaml(['http://192.0.2.9:2379'])}paths: ${paths}\n`)
    })
    after(() => {
      shell('ip link delete fou0; ip fou del port 7777')
      rmSync(folder, {recursive: true})
    })

    const ports = (): string => shell('ip fou show; ip -6 fou show')

    it('what no note of this boot calls ours stays', async () => {
      await writeFouPorts(state, 'another boot', OURS)
      const {out} = await cli(['purge', '--yes', '--config', file])
      assert.doesNotMatch(out, /UDP port/)
      assert.match(ports(), /5555[\s\S]*5556|5556[\s\S]*5555/)
    })

    it('ours go, of both families, and another one’s stays', async () => {
      await writeFouPorts(state, boot, OURS)
      const {status, out, err} = await cli(['purge', '--yes', '--config', file])
      assert.equal(status, 0, err)
      assert.match(out, /UDP port 192\.0\.2\.1:5555 protocol 4 +remove/)
      assert.match(out, /UDP port 2001:db8::1:5556 protocol 41 +remove/)
      assert.doesNotMatch(ports(), /555[56]/)
      assert.match(ports(), /7777/)
    })
  })
})
