/**
 * gateway.yaml → GatewayConfig, or every reason why not.
 *
 *     text ─► YAML with positions ─► shape (zod) ─► meaning (references, ranges, overlaps) ─► GatewayConfig
 *                    └───────────────────┴──────────────────┴─► Finding[] with line, column and path
 *
 * Three passes, each over all it can still judge, so that one reading shows all that is wrong: an operator who mends
 * five mistakes should not need five tries. A configuration with an error gives no GatewayConfig at all; the daemon
 * then keeps the one it has. Warnings let it pass. Files that the configuration names (certificates, secrets) are not
 * opened here: this station is pure, and a file may change later without the configuration changing.
 * `parseInterconnect` reads interconnect.yaml, one description of all sites, in the same three passes; `gatewayFile` derives each
 * gateway's file from it.
 * The JSON Schema for editors comes from the same zod schema (`gatewayJsonSchema`).
 */
export {type ConfigDifference, configDifferences} from './difference.ts'
export {parseDuration} from './duration.ts'
export {parseInterconnect} from './interconnect.ts'
export type {Interconnect} from './interconnect-schema.ts'
export {CONFIG_STEPS, CONFIG_VERSION, type ConfigStep, type Migration, migrateConfig} from './migrate.ts'
export {parseGatewayConfig} from './parse.ts'
export {gatewayJsonSchema} from './schema.ts'
export {gatewayFile, innerAddresses, terraformVariables} from './wire-sites.ts'
