/** A gateway's configuration, as short as it may be, over one datastore; `sites` in YAML's flow style. */
export const gatewayYaml = (endpoints: readonly string[], {tls = '', sites = '{}'} = {}): string => `version: 1
site: a
gateway: a1
as: 4200000001
interconnect: [100.64.0.0/16]
default: deny
uplinks:
  - {name: wan, address: 192.0.2.1, inner: [100.64.0.0, 100.64.0.1]}
owns: [10.1.0.0/16]
datastores:
  - {name: main, kind: calico, endpoints: [${endpoints.map((endpoint) => `"${endpoint}"`).join(', ')}]${tls ? `, tls: ${tls}` : ', insecure: true'}, export: {}}
sites: ${sites}
authorities: [a]
`

/** A remote site whose etcd never answers. */
export const REMOTE_B =
  '{b: {owns: [10.2.0.0/16], endpoints: [https://127.0.0.1:1], tls: {ca: /nonexistent/ca.pem, cert: /nonexistent/b.pem, key: /nonexistent/b.key}}}'
