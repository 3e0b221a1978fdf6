import {createInterface} from 'node:readline'
import koffi from 'koffi'

/** Sends what each line of standard input holds, whole IP packets in hexadecimal whatever source they claim, and says `sent`. */
const libc = koffi.load('libc.so.6')
const socket = libc.func('int socket(int, int, int)')
const sendto = libc.func('long sendto(int, const void *, size_t, int, const void *, uint32_t)')
const [AF_INET, AF_INET6, SOCK_RAW, IPPROTO_RAW] = [2, 10, 3, 255]
const [four, six]: number[] = [AF_INET, AF_INET6].map((family) => socket(family, SOCK_RAW, IPPROTO_RAW))
process.stdout.write('ready\n')
for await (const line of createInterface({input: process.stdin})) {
  for (const hex of line.split(' ')) {
    const packet = Buffer.from(hex, 'hex')
    const isSix = packet[0]! >> 4 === 6
    const to = Buffer.alloc(isSix ? 28 : 16)
    to.writeUInt16LE(isSix ? AF_INET6 : AF_INET)
    packet.copy(to, isSix ? 8 : 4, isSix ? 24 : 16, isSix ? 40 : 20)
    const sent: number = sendto(isSix ? six : four, packet, packet.length, 0, to, to.length)
    if (sent !== packet.length) throw new Error(`not sent: ${hex}`)
  }
  process.stdout.write('sent\n')
}
