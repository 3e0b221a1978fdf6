// Puts the fast path on devices of the namespace that it runs in, by their names, opens it and leaves it there.
import {readFileSync} from 'node:fs'
import {createFastPath} from '../../src/apply/index.ts'

const fastPath = createFastPath()
if (fastPath.missing !== null) throw new Error(fastPath.missing)
await fastPath.follow(
  process.argv.slice(2).map((name) => Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'))),
)
fastPath.open()
fastPath.close()
