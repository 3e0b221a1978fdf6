import type {AlertCase} from './alert-case.ts'

export const TARGET = {job: 'isthmus', instance: '192.0.2.1:9633', site: 'a', gateway: 'a1'}
const OF_TARGET = {job: TARGET.job, instance: TARGET.instance}
const tunnel = {peer: 'b', tunnel: 'wan b/b1/wan 0'}
const T = `peer="b",tunnel="wan b/b1/wan 0"`
const N = `neighbor="192.0.2.9",session="wan_r1"`
const session = {neighbor: '192.0.2.9', session: 'wan_r1'}
const finding = (code: string) => `isthmus_findings{code="${code}"}`
const certificate = `isthmus_datastore_certificate_expiry_timestamp_seconds{source="export/b",certificate="client"}`
const ofCertificate = {...OF_TARGET, source: 'export/b', certificate: 'client'}
const denied = (peer: string) =>
  `isthmus_dropped_packets_total{reason="policy",direction="egress",peer="${peer}",tunnel=""}`
const staged = (would: string) =>
  `isthmus_policy_staged_change_total{policy="next",direction="egress",would="${would}"}`
const DAY = 86_400

export const CASES: readonly AlertCase[] = [
  {
    ...{alert: 'IsthmusDown', severity: 'critical', labels: OF_TARGET, fires: '2m', quiet: ['1m45s', '5m']},
    series: {up: '1x3 0x12 1x8'},
    never: {'up{job="other"}': '0x40'},
  },
  {
    ...{alert: 'IsthmusNotReady', severity: 'critical', labels: OF_TARGET, fires: '5m', quiet: ['4m45s', '8m']},
    series: {isthmus_ready: '0x24 1x20'},
  },
  {
    ...{alert: 'IsthmusReconcileStuck', severity: 'critical', labels: OF_TARGET, fires: '15m30s', quiet: ['9m', '20m']},
    series: {isthmus_reconcile_passes_total: '0+15x16 240x45 240+15x40'},
  },
  {
    ...{alert: 'IsthmusReconcileDirty', labels: OF_TARGET, fires: '2m', quiet: ['1m45s', '5m']},
    series: {isthmus_ready: '1x40', isthmus_reconcile_dirty: '1x12 0x20'},
    never: {isthmus_ready: '0x40', isthmus_reconcile_dirty: '1x40'},
  },
  {
    ...{alert: 'IsthmusNftFailing', severity: 'critical', fires: '3m15s', quiet: ['1m', '10m']},
    labels: {...OF_TARGET, driver: 'nft', result: 'failed'},
    series: {'isthmus_apply_steps_total{driver="nft",result="failed"}': '0x6 1x40'},
    never: {
      'isthmus_apply_steps_total{driver="nft",result="done"}': '0+1x40',
      'isthmus_apply_steps_total{driver="netlink",result="failed"}': '0+1x40',
    },
  },
  {
    ...{alert: 'IsthmusForeignChanges', labels: {driver: 'nft'}, fires: '2m30s', quiet: ['1m', '20m']},
    series: {'isthmus_apply_repairs_total{driver="nft"}': '0x6 1x80'},
    never: {'isthmus_apply_repairs_total{driver="netlink"}': '0x6 4x40'},
  },
  {
    ...{alert: 'IsthmusForeignChanges', labels: {driver: 'netlink'}, fires: '3m', quiet: ['1m']},
    series: {'isthmus_apply_repairs_total{driver="netlink"}': '0x6 9x40'},
  },
  {
    ...{alert: 'IsthmusConfigUnconfirmed', labels: {...OF_TARGET, code: 'config-unconfirmed'}},
    ...{fires: '5m', quiet: ['4m45s']},
    series: {[finding('config-unconfirmed')]: '1x40'},
    never: {[finding('config-unconfirmed')]: '1x4 stale'},
  },
  {
    ...{alert: 'IsthmusConfigRolledBack', labels: {...OF_TARGET, code: 'config-rolled-back'}, fires: '1m'},
    series: {[finding('config-rolled-back')]: '1x40'},
    never: {[finding('config-unconfirmed')]: '1x40'},
  },
  {
    ...{alert: 'IsthmusConfigRefused', fires: '1m', quiet: ['45s']},
    series: {[finding('config-syntax')]: '1x40', [finding('config-invalid')]: '2x40'},
    never: {[finding('config-unconfirmed')]: '1x40', [finding('prefix-conflict')]: '1x40'},
  },
  {
    ...{alert: 'IsthmusPartMissing', labels: {...OF_TARGET, code: 'prober-missing'}, fires: '5m', quiet: ['4m45s']},
    series: {[finding('prober-missing')]: '1x40'},
    never: {[finding('path-mtu')]: '1x40'},
  },
  {
    ...{alert: 'IsthmusEventLoopSlow', fires: '13m', quiet: ['9m']},
    series: lagOf(100),
    never: lagOf(0.5),
  },
  {
    ...{alert: 'IsthmusClockSkew', labels: OF_TARGET, fires: '5m', quiet: ['4m45s']},
    series: {isthmus_time_seconds: '-3+15x40'},
    never: {isthmus_time_seconds: '1+15x40'},
  },
  {
    ...{alert: 'IsthmusConntrackNearLimit', labels: OF_TARGET, fires: '6m', quiet: ['5m45s']},
    series: {isthmus_conntrack_entries: '800x3 810x40', isthmus_conntrack_limit: '1000x50'},
    never: {isthmus_conntrack_entries: '800x40', isthmus_conntrack_limit: '1000x50'},
  },
  {
    ...{alert: 'IsthmusSingleCoreSaturated', fires: '7m', quiet: ['4m']},
    series: {
      'isthmus_softirq_seconds_total{cpu="0"}': '0+14x60',
      'isthmus_softirq_seconds_total{cpu="1"}': '0+0.1x60',
      'isthmus_softirq_seconds_total{cpu="2"}': '0+0.1x60',
    },
    never: {
      'isthmus_softirq_seconds_total{cpu="0"}': '0+14x60',
      'isthmus_softirq_seconds_total{cpu="1"}': '0+14x60',
      'isthmus_softirq_seconds_total{gateway="a2",cpu="0"}': '0+12x60',
      'isthmus_softirq_seconds_total{gateway="a2",cpu="1"}': '0+0.1x60',
    },
  },
  {
    ...{alert: 'IsthmusSiteCut', severity: 'critical', labels: {peer: 'b'}, fires: '1m30s', quiet: ['1m15s', '4m']},
    series: {
      'isthmus_tunnel_up{peer="b",tunnel="1",mode="ipip"}': '1x1 0x40',
      'isthmus_tunnel_up{peer="b",tunnel="2",mode="ipip"}': '1x3 0x8 1x20',
    },
    never: {
      'isthmus_tunnel_up{peer="b",tunnel="1",mode="ipip"}': '0x40',
      'isthmus_tunnel_up{peer="b",tunnel="2",mode="ipip"}': '1x40',
      'isthmus_tunnel_up{peer="c",tunnel="3",mode="ipip"}': '1x40',
    },
  },
  {
    ...{alert: 'IsthmusTunnelDown', fires: '1m30s', quiet: ['1m15s', '4m']},
    labels: {...OF_TARGET, ...tunnel, mode: 'ipip'},
    series: {[`isthmus_tunnel_up{${T},mode="ipip"}`]: '1x3 0x8 1x20'},
  },
  {
    ...{alert: 'IsthmusTunnelFlapping', labels: {...OF_TARGET, ...tunnel}, fires: '4m', quiet: ['1m', '20m']},
    series: {[`isthmus_tunnel_up{${T}}`]: '1 1 0 0 1 1 0 0 1 1 0 0 1x80'},
    never: {[`isthmus_tunnel_up{${T}}`]: '1 1 0 0 1 1 0 0 1x80'},
  },
  {
    ...{alert: 'IsthmusPathMtuBelowConfigured', labels: {...OF_TARGET, ...tunnel}, fires: '6m', quiet: ['5m45s']},
    series: mtus('1480x3 1400x40'),
    never: mtus('1480x40'),
  },
  {
    ...{alert: 'IsthmusProbeLoss', labels: {...OF_TARGET, ...tunnel, size: 'small'}, fires: '5m', quiet: ['4m45s']},
    series: {[`isthmus_tunnel_up{${T}}`]: '1x40', [`isthmus_tunnel_probe_loss_ratio{${T},size="small"}`]: '0.02x40'},
    never: {
      ...{[`isthmus_tunnel_up{${T}}`]: '1x40', [`isthmus_tunnel_probe_loss_ratio{${T},size="small"}`]: '0.01x40'},
      // A tunnel that is down has an alert of its own.
      'isthmus_tunnel_up{peer="c",tunnel="3"}': '0x40',
      'isthmus_tunnel_probe_loss_ratio{peer="c",tunnel="3",size="small"}': '1x40',
    },
  },
  {
    ...{alert: 'IsthmusRttRise', labels: {...OF_TARGET, ...tunnel, size: 'small'}, interval: '5m'},
    ...{fires: '1460m', quiet: ['1440m', '1445m']},
    series: {[`isthmus_tunnel_rtt_avg_seconds{${T},size="small"}`]: '0.01x288 0.04x6'},
    never: {
      [`isthmus_tunnel_rtt_avg_seconds{${T},size="small"}`]: '0.001x288 0.0045x6',
      'isthmus_tunnel_rtt_avg_seconds{peer="c",tunnel="3",size="small"}': '0.02x288 0.05x6',
    },
  },
  {
    ...{alert: 'IsthmusWireguardHandshakeOld', labels: {...OF_TARGET, ...tunnel}, fires: '6m15s', quiet: ['6m', '8m']},
    series: {[`isthmus_tunnel_wireguard_last_handshake_timestamp_seconds{${T}}`]: '0x26 400x10'},
  },
  {
    ...{alert: 'IsthmusForgedPackets', labels: {...tunnel, reason: 'spoofed'}, fires: '12m', quiet: ['6m']},
    series: {[`isthmus_dropped_packets_total{${T},reason="spoofed",direction=""}`]: '0+20x60'},
    never: {
      [`isthmus_dropped_packets_total{${T},reason="spoofed",direction=""}`]: '0+10x60',
      'isthmus_dropped_packets_total{peer="",tunnel="",reason="invalid",direction=""}': '0+1000x60',
    },
  },
  {
    ...{alert: 'IsthmusForgedPackets', labels: {reason: 'martian'}, fires: '12m', quiet: ['6m']},
    series: {isthmus_kernel_martian_packets_total: '0+20x60'},
    never: {isthmus_kernel_martian_packets_total: '0+10x60'},
  },
  {
    ...{alert: 'IsthmusNodeNat', labels: {source: 'datastore/main', node: 'n1'}, fires: '6m', quiet: ['4m']},
    series: {'isthmus_node_nat_packets_total{source="datastore/main",node="n1"}': '0+1x60'},
    never: {'isthmus_node_nat_packets_total{source="datastore/main",node="n1"}': '9x60'},
  },
  {
    ...{alert: 'IsthmusBirdDown', severity: 'critical', labels: OF_TARGET, fires: '2m', quiet: ['1m45s', '5m']},
    series: {isthmus_bird_up: '1x3 0x12 1x8'},
  },
  {
    ...{alert: 'IsthmusBgpSessionDown', labels: {...OF_TARGET, ...session, kind: 'wan'}, fires: '2m'},
    ...{quiet: ['1m45s', '5m']},
    series: {[`isthmus_bgp_session_up{${N},kind="wan"}`]: '1x3 0x12 1x8'},
    // That is a tunnel's alert.
    never: {[`isthmus_bgp_session_up{${N},kind="tunnel"}`]: '0x40'},
  },
  {
    ...{alert: 'IsthmusBgpSessionFlapping', labels: {...OF_TARGET, ...session}, fires: '3m', quiet: ['1m', '25m']},
    series: {[`isthmus_bgp_session_flaps_total{${N}}`]: '0x3 1 2 3 4 5 5x100'},
    never: {[`isthmus_bgp_session_flaps_total{${N}}`]: '0x20 1 2x80'},
  },
  {
    ...{alert: 'IsthmusBgpPrefixDrop', labels: {...OF_TARGET, ...session, kind: 'accepted'}, fires: '2m'},
    ...{quiet: ['1m', '20m']},
    series: {
      [`isthmus_bgp_session_up{${N},kind="wan"}`]: '1x90',
      [`isthmus_bgp_prefixes{${N},kind="accepted"}`]: '100x3 49x80',
    },
    never: {
      [`isthmus_bgp_session_up{${N},kind="wan"}`]: '1x3 0x80',
      [`isthmus_bgp_prefixes{${N},kind="accepted"}`]: '100x3 0x80',
      'isthmus_bgp_session_up{neighbor="192.0.2.8",session="wan_r2",kind="wan"}': '1x80',
      'isthmus_bgp_prefixes{neighbor="192.0.2.8",session="wan_r2",kind="accepted"}': '100x3 50x80',
    },
  },
  {
    ...{alert: 'IsthmusPrefixLimitNear', labels: {...OF_TARGET, ...session}, fires: '6m'},
    quiet: ['5m45s'],
    series: {
      [`isthmus_bgp_prefixes{${N},kind="accepted"}`]: '800x3 801x40',
      [`isthmus_bgp_session_prefix_limit{${N}}`]: '1000x50',
    },
    never: {
      [`isthmus_bgp_prefixes{${N},kind="received"}`]: '999x40',
      [`isthmus_bgp_prefixes{${N},kind="accepted"}`]: '800x40',
      [`isthmus_bgp_session_prefix_limit{${N}}`]: '1000x50',
    },
  },
  {
    ...{alert: 'IsthmusPrefixLimitHit', severity: 'critical', labels: {...OF_TARGET, ...session}, fires: '1m'},
    quiet: ['45s'],
    series: {[`isthmus_bgp_session_over_limit{${N}}`]: '0x3 1x20'},
  },
  {
    ...{alert: 'IsthmusBfdDown', labels: {...OF_TARGET, neighbor: '192.0.2.9', device: 'wan0'}, fires: '2m'},
    quiet: ['1m45s', '5m'],
    series: {
      [`isthmus_bgp_session_up{${N},kind="wan"}`]: '1x40',
      'isthmus_bfd_session_up{neighbor="192.0.2.9",device="wan0"}': '1x3 0x12 1x8',
    },
    never: {
      [`isthmus_bgp_session_up{${N},kind="wan"}`]: '0x40',
      'isthmus_bfd_session_up{neighbor="192.0.2.9",device="wan0"}': '0x40',
    },
  },
  {
    ...{alert: 'IsthmusDatastoreStale', severity: 'critical', labels: {...OF_TARGET, source: 'datastore/main'}},
    ...{fires: '2m30s', quiet: ['2m']},
    series: {'isthmus_datastore_age_seconds{source="datastore/main"}': '0+15x40'},
    never: {
      'isthmus_datastore_age_seconds{source="datastore/main"}': '60x40',
      'isthmus_datastore_connected{source="datastore/main"}': '1x40',
      'isthmus_datastore_connected{source="export/b"}': '0x40',
    },
  },
  {
    ...{
      alert: 'IsthmusDatastoreStale',
      labels: {...OF_TARGET, source: 'export/b'},
      fires: '2m',
      quiet: ['1m45s', '5m'],
    },
    // Never heard of: it has no age.
    series: {'isthmus_datastore_connected{source="export/b"}': '1x3 0x12 1x8'},
    never: {'isthmus_datastore_connected{source="datastore/main"}': '0x40'},
  },
  {
    ...{alert: 'IsthmusDatastoreResyncStorm', labels: {source: 'export/b'}, fires: '5m', quiet: ['1m', '25m']},
    series: {'isthmus_datastore_resyncs_total{source="export/b",reason="compacted"}': '0x4 1x3 2x3 3x3 5x90'},
    never: {
      'isthmus_datastore_resyncs_total{source="export/b",reason="asked"}': '0+1x40',
      'isthmus_datastore_resyncs_total{source="export/b",reason="cluster"}': '0x10 2x40',
    },
  },
  {
    ...{alert: 'IsthmusSiteLost', labels: {...OF_TARGET, peer: 'b', state: 'stale'}, fires: '1m', quiet: ['45s', '3m']},
    series: {'isthmus_site_state{peer="b",state="stale"}': '0x3 1x3 0x10'},
    never: {'isthmus_site_state{peer="b",state="suspect"}': '1x10'},
  },
  {
    ...{alert: 'IsthmusSiteLost', severity: 'critical', labels: {...OF_TARGET, peer: 'b', state: 'withdrawn'}},
    ...{fires: '1m', quiet: ['45s'], series: {'isthmus_site_state{peer="b",state="withdrawn"}': '0x3 1x10'}},
    never: {'isthmus_site_state{peer="b",state="stale"}': '1x10'},
  },
  {
    ...{alert: 'IsthmusCertificateExpiry', labels: ofCertificate, fires: '11m', quiet: ['9m']},
    series: {[certificate]: `${21 * DAY + 600}x60`},
  },
  {
    ...{alert: 'IsthmusCertificateExpiry', severity: 'critical', fires: '11m', quiet: ['9m']},
    ...{labels: ofCertificate, series: {[certificate]: `${3 * DAY + 600}x60`}},
  },
  {
    ...{alert: 'IsthmusSourceOverLimits', labels: {...OF_TARGET, code: 'source-over-limits'}, fires: '5m'},
    ...{quiet: ['4m45s'], series: {[finding('source-over-limits')]: '1x40'}},
    never: {[finding('peer-over-limit')]: '1x40'},
  },
  {
    ...{alert: 'IsthmusDatastoreEmptied', severity: 'critical', labels: {...OF_TARGET, code: 'datastore-emptied'}},
    ...{fires: '1m', quiet: ['45s'], series: {[finding('datastore-emptied')]: '1x40'}},
  },
  {
    ...{alert: 'IsthmusConflict', labels: {code: 'prefix-conflict'}, fires: '5m', quiet: ['4m45s']},
    series: {[finding('prefix-conflict')]: '2x40'},
    never: {[finding('config-conflict')]: '1x40', [finding('path-mtu')]: '1x40'},
  },
  {
    ...{alert: 'IsthmusTwoLeaders', severity: 'critical', ofSite: true, fires: '2m', quiet: ['1m45s', '5m']},
    series: {
      'isthmus_leader{site="a",gateway="a1"}': '1x50',
      'isthmus_leader{site="a",gateway="a2"}': '0x3 1x12 0x8',
    },
    never: {'isthmus_leader{site="a",gateway="a1"}': '1x50', 'isthmus_leader{site="b",gateway="b1"}': '1x50'},
  },
  {
    ...{alert: 'IsthmusNoLeader', ofSite: true, fires: '5m', quiet: ['4m45s', '10m']},
    series: {
      'isthmus_leader{site="a",gateway="a1"}': '0x50',
      'isthmus_leader{site="a",gateway="a2"}': '0x24 1x20',
    },
  },
  {
    ...{alert: 'IsthmusTwinAway', labels: OF_TARGET, fires: '11m', quiet: ['10m45s', '15m']},
    series: {isthmus_twin_alive: '1x3 0x48 1x20'},
  },
  {
    ...{alert: 'IsthmusRouteTableUnsure', severity: 'critical', ofSite: true, fires: '3m', quiet: ['2m', '6m']},
    series: {
      'isthmus_route_table_held{site="a",gateway="a1"}': '1x3 0x40',
      'isthmus_route_table_held{site="a",gateway="a2"}': '0x14 1x30',
    },
    never: {
      'isthmus_route_table_held{site="a",gateway="a1"}': '1x20 0x20',
      'isthmus_route_table_held{site="a",gateway="a2"}': '0x20 1x20',
    },
  },
  {
    ...{alert: 'IsthmusRouteCommandFailing', severity: 'critical', fires: '3m', quiet: ['1m', '12m']},
    labels: {...OF_TARGET, result: 'timeout'},
    series: {'isthmus_route_table_commands_total{result="timeout"}': '0x8 1x60'},
    never: {'isthmus_route_table_commands_total{result="done"}': '0+1x40'},
  },
  {
    ...{alert: 'IsthmusDocumentsRefused', labels: {...OF_TARGET, in_force: 'denies'}, fires: '5m', quiet: ['4m45s']},
    series: {'isthmus_policy_refused_documents{in_force="denies"}': '1x40'},
    never: {
      'isthmus_policy_refused_documents{in_force="denies"}': '0x40',
      'isthmus_policy_refused_documents{in_force="absent"}': '1x40',
    },
  },
  {
    ...{alert: 'IsthmusDocumentsRefused', severity: 'critical', labels: {...OF_TARGET, in_force: 'absent'}},
    ...{fires: '1m', quiet: ['45s']},
    series: {'isthmus_policy_refused_documents{in_force="absent"}': '1x40'},
    never: {'isthmus_policy_refused_documents{in_force="last-good"}': '1x40'},
  },
  {
    ...{alert: 'IsthmusPropagationSlow', fires: '13m', quiet: ['9m']},
    series: propagationOf(1),
    never: propagationOf(0.001),
  },
  {
    ...{alert: 'IsthmusDenialsJumped', labels: {peer: 'b', direction: 'egress'}, fires: '75m', quiet: ['60m', '140m']},
    interval: '1m',
    series: {[denied('b')]: '0+60x60 3600+2400x100'},
    never: {[denied('b')]: '0+60x60 3600+560x100', [denied('c')]: '0+2400x160'},
  },
  {
    ...{alert: 'IsthmusStagedWouldDeny', severity: 'info', labels: {policy: 'next', direction: 'egress'}, fires: '3m'},
    quiet: ['1m'],
    series: {[staged('deny')]: '0x6 3x40'},
    never: {[staged('allow')]: '0+1x40'},
  },
  {
    // One flow, with which the series begins; it is old after an hour.
    ...{alert: 'IsthmusStagedWouldDeny', severity: 'info', labels: {policy: 'next', direction: 'egress'}, fires: '3m'},
    ...{quiet: ['1m', '70m'], interval: '1m'},
    series: {[staged('deny')]: '_x2 1x90'},
  },
]

function mtus(measured: string): Record<string, string> {
  return {
    [`isthmus_tunnel_path_mtu_bytes{${T},kind="configured"}`]: '1480x60',
    [`isthmus_tunnel_path_mtu_bytes{${T},kind="measured"}`]: measured,
  }
}

/** A hundred looks at the event loop in each quarter of a minute, so many of them later than half a second. */
function lagOf(late: number): Record<string, string> {
  return buckets('isthmus_event_loop_lag_seconds', {'0.5': 100 - late, '1': 100, '+Inf': 100})
}

/** One change in each quarter of a minute, such a part of it taking longer than five seconds. */
function propagationOf(slow: number): Record<string, string> {
  return buckets('isthmus_propagation_seconds', {'5': 1 - slow, '10': 1, '+Inf': 1})
}

function buckets(name: string, each: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(each).map(([le, count]) => [`${name}_bucket{le="${le}"}`, `0+${count}x80`]))
}
