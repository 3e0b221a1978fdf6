// Watches a gateway as so many consoles do, and tells how many events came: `event-clients.ts SOCKET CLIENTS`.
import {request} from 'node:http'

const [socketPath, clients] = process.argv.slice(2)
let events = 0
let open = 0
for (let client = 0; client < Number(clients); client++) {
  request({socketPath: socketPath!, path: '/v1/events'}, (response) => {
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
    if (++open === Number(clients)) process.stdout.write('open\n')
    response.setEncoding('utf8').on('data', (text: string) => {
      events += text.split('\nevent: ').length - 1
    })
  }).end()
}
process.on('SIGTERM', () => {
  process.stdout.write(`${events}\n`)
  process.exit(0)
})
