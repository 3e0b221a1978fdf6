import assert from 'node:assert/strict'
import {existsSync} from 'node:fs'
import {type Appliance, type Bench, createBench} from './appliance-vm.ts'
import {IMAGE} from './built-image.ts'

/** An appliance that is told wrong things by cloud-init: what its console says, and that it can be set up all the same. */
const BOOT_S = 900

/** uplinks is no list, and much is not there. */
const REFUSED = 'version: 1\nsite: a\ngateway: a1\nas: 70000\nuplinks: wrong\n'

describe('an appliance that is told wrong things', function () {
  this.timeout(3_600_000)
  let bench: Bench
  let gateway: Appliance

  before(async () => {
    assert.ok(existsSync(IMAGE), 'npm run image makes it')
    bench = await createBench(IMAGE)
    gateway = bench.appliance({
      name: 'gw-bad',
      sshPort: 2225,
      userData: 'write_files: [{path: /x, content: "never closed}]\n',
    })
    gateway.power()
  })
  after(() => bench?.close())

  it('by user data that is no YAML: the console names line and column, and that nothing is configured', async () => {
    await gateway.says(/Failed loading yaml blob[^\n]*line \d+ column \d+/i, BOOT_S)
    await gateway.says(/isthmus: no gateway is configured yet: nothing is forwarded/, BOOT_S)
    await gateway.says(/ login: /, BOOT_S)
    // Nobody was let in by what was not understood.
    assert.equal((await gateway.ssh('true')).status, 255)
  })

  it('by a gateway.yaml that is refused: the console names the keys; another machine by its instance id is set up while it runs', async () => {
    await gateway.says(/cloud-init[^\n]* finished at/, BOOT_S)
    await gateway.cut()
    const file = {path: '/etc/isthmus/gateway.yaml', owner: 'root:isthmus', permissions: '0660', content: REFUSED}
    gateway.seed('gw-bad-2', `write_files: [${JSON.stringify(file)}]\n`)
    gateway.power()
    await gateway.says(/isthmus: \/etc\/isthmus\/gateway\.yaml is refused:/, BOOT_S)
    await gateway.says(/gateway\.yaml:\d+:\d+: error [^\n]*uplinks/, BOOT_S)
    await gateway.says(/isthmus: there is none from before: nothing is forwarded until it is mended/, BOOT_S)
    await gateway.answers(BOOT_S)
    // Closed as before.
    assert.match(await gateway.ask('nft list table inet isthmus_base'), /policy drop/)
  })
})
