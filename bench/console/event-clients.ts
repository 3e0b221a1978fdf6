// Watches a gateway as so many consoles do, with a Prometheus beside them, and tells how many events came:
// `event-clients.ts SOCKET CLIENTS`.
import {Agent, type IncomingMessage, request} from 'node:http'

/** As often as the console asks for its curves and alerts (src/console/series.tsx, pages/overview.tsx); the scrape is more than usual. */
const ASKED: readonly (readonly [path: string, everyMs: number])[] = [
  ['/v1/series/tunnels?minutes=30', 5_000],
  ['/v1/alerts', 15_000],
]
const SCRAPE_MS = 1_000

const [socketPath, clients] = process.argv.slice(2)
let events = 0
let open = 0

const agent = new Agent({keepAlive: true})

function ask(path: string, take: (response: IncomingMessage) => void): void {
  request({socketPath: socketPath!, path, agent}, (response) => {
    if (response.statusCode !== 200) throw new Error(`${path}: status ${response.statusCode}`)
    take(response)
  }).end()
}

function every(path: string, everyMs: number, firstMs: number): void {
  setTimeout(() => {
    const again = (): void => ask(path, (response) => response.resume())
    again()
    setInterval(again, everyMs)
  }, firstMs)
}

for (let client = 0; client < Number(clients); client++) {
  ask('/v1/events', (response) => {
    if (++open === Number(clients)) process.stdout.write('open\n')
    response.setEncoding('utf8').on('data', (text: string) => {
      events += text.split('\nevent: ').length - 1
    })
  })
  for (const [path, everyMs] of ASKED) every(path, everyMs, (client / Number(clients)) * everyMs)
}
every('/metrics', SCRAPE_MS, SCRAPE_MS)
process.on('SIGTERM', () => {
  process.stdout.write(`${events}\n`)
  process.exit(0)
})
