import {createNetlinkDriver} from '../../../src/apply/netlink/index.ts'
import {eventually, inNamespace, shell} from '../../support/namespace.ts'

inNamespace(import.meta.url, () => {
  it('when the kernel has dropped notifications says so, and hears those that come after', async () => {
    const driver = createNetlinkDriver()
    shell('ip link add is-mine type bridge; ip link set is-mine up')
    const heard: string[] = []
    const end = driver.watch((what) => heard.push(what))
    // Nobody reads meanwhile: more than the socket takes.
    const storm = Array.from({length: 8000}, (_, index) => `link set is-mine alias a${index}`).join('\n')
    shell('ip -batch -', storm)
    await eventually(() => heard.includes('netlink notifications lost'))
    for (const round of [1, 2, 3]) {
      heard.length = 0
      shell(`ip link set is-mine alias again${round}`)
      await eventually(() => heard.includes('link is-mine'))
    }
    end()
    driver.close()
  })
})
