import {join} from 'node:path'
import type {Breakage} from './breakage.ts'

const table = (family: string, text: string): Pick<Breakage, 'broken' | 'repaired'> => ({
  broken: `nft -f - <<'END'\ntable ${family} other {\n${text}\n}\nEND`,
  repaired: `nft delete table ${family} other`,
})

const PID = '/run/isthmus-lab/asymmetric.pid'
const SENDER = join(import.meta.dirname, '../../support/send-raw.ts')

export const FILTER_BREAKAGES: readonly Breakage[] = [
  {
    code: 'table-missing',
    frozen: true,
    broken: 'nft delete table inet isthmus',
    // The daemon makes it again.
  },
  {
    code: 'foreign-forward-drop',
    name: 'as Docker does',
    ...table('ip', 'chain FORWARD { type filter hook forward priority 0; policy drop; iifname "docker0" accept; }'),
  },
  {
    code: 'foreign-input-drop',
    name: 'a firewall that lets in what is known already',
    ...table(
      'inet',
      'chain i { type filter hook input priority 0; policy drop; ct state established,related accept; iifname "lo" accept; tcp dport { 22, 2379 } accept; udp dport 4789 ip saddr 192.0.2.0/24 accept; meta l4proto icmp accept; }',
    ),
  },
  {
    code: 'foreign-nat',
    ...table(
      'ip',
      'chain p { type nat hook postrouting priority 100; oifname "wan0" ip saddr 10.1.0.0/16 masquerade; }',
    ),
  },
  {
    code: 'foreign-notrack',
    ...table('ip', 'chain p { type filter hook prerouting priority -300; ip saddr 10.99.0.0/16 notrack; }'),
  },
  {
    code: 'asymmetric-path',
    name: 'segments of a flow whose beginning went another way',
    in: 'a/p1',
    broken: `${process.execPath} ${SENDER} 6 10.2.0.5 10.1.0.5 ${'00'.repeat(20)} 100000 > /dev/null 2>&1 & echo $! > ${PID}`,
    repaired: `kill $(cat ${PID})`,
  },
]
