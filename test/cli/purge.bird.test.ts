import assert from 'node:assert/strict'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {createBirdDriver} from '../../src/apply/bird/index.ts'
import {stepKey} from '../../src/model/index.ts'
import type {Prefix} from '../../src/net/index.ts'
import {planRouting, renderBird} from '../../src/routing/index.ts'
import {IDLE_CONFIG, TestBird} from '../support/bird.ts'
import {gatewayYaml} from '../support/gateway-yaml.ts'
import {configOf, worldOf} from '../support/interconnect.ts'
import {eventually, inNamespace, shell} from '../support/namespace.ts'
import {cli} from '../support/run-cli.ts'

inNamespace(import.meta.url, () => {
  describe('isthmus purge, with a BIRD that runs', function () {
    this.timeout(30_000)
    const folder = mkdtempSync(path.join(tmpdir(), 'isthmus-purge-bird-'))
    const file = path.join(folder, 'gateway.yaml')
    const here = {name: process.env.ISTHMUS_TEST_NAMESPACE!, run: shell, remove: () => undefined}
    const bird = new TestBird(here)

    after(async () => {
      await bird.remove()
      rmSync(folder, {recursive: true})
    })

    const ours = (): string => shell('ip -4 route show proto bird; ip -6 route show proto bird')

    it('BIRD goes on and does nothing, its routes are gone and do not come back', async () => {
      await bird.start()
      const config = configOf({sites: [{name: 'a', number: 1}]}, 'a', {
        owns: ['10.1.0.0/16', '2001:db8:1::/48'] as Prefix[],
      })
      const world = worldOf(new Map())
      const text = renderBird(planRouting({config, world, tunnels: [], passwords: new Map(), draining: false}).bird)
      const driver = createBirdDriver({configFile: bird.configFile, socket: bird.socket, until: bird.never})
      const step = {key: stepKey('bird configuration'), needs: [], reason: 'test', driver: 'bird', text} as const
      assert.deepEqual(await driver.apply([step], bird.never), [{ok: true, step: 'bird configuration'}])
      await eventually(() => ours().includes('10.1.0.0/16') && ours().includes('2001:db8:1::/48'))
      shell('ip route add unreachable 10.99.0.0/16 proto static')
      const paths = `{state: ${folder}/state, run: ${folder}/run, birdConfig: ${bird.configFile}, birdSocket: ${bird.socket}}`
      writeFileSync(file, `${gatewayYaml(['http://192.0.2.9:2379'])}paths: ${paths}\n`)

      const {status, out, err} = await cli(['purge', '--yes', '--config', file])
      assert.deepEqual([status, err], [0, ''], out)
      assert.match(out, /bird\.conf +remove +what BIRD does for Isthmus/)
      assert.match(out, /bird\.conf\.before-isthmus +keep +what BIRD had before Isthmus came/)
      assert.match(out, /IPv4 routes +remove +\d that BIRD made/)
      assert.match(out, /IPv6 routes +remove +\d that BIRD made/)
      assert.match(await bird.ask('show protocols'), /device1 +Device/)
      assert.doesNotMatch(await bird.ask('show protocols'), /kernel|static/i)
      assert.match(readFileSync(bird.configFile, 'utf8'), /^# Isthmus was removed .*\nrouter id /)
      assert.equal(ours(), '')
      await bird.kill('SIGTERM')
      await bird.start()
      assert.equal(ours(), '')
      assert.match(shell('ip route show proto static'), /10\.99\.0\.0\/16/, 'what is others’ is left alone')
      assert.equal(readFileSync(`${bird.configFile}.before-isthmus`, 'utf8'), IDLE_CONFIG)
    })

    it('a file that is not ours is not touched', async () => {
      await bird.reload(IDLE_CONFIG)
      const {out} = await cli(['purge', '--yes', '--config', file])
      assert.doesNotMatch(out, /bird\.conf +remove/)
      assert.equal(readFileSync(bird.configFile, 'utf8'), IDLE_CONFIG)
    })
  })
})
