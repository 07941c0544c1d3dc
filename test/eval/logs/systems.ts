import type { System } from "./generator.ts";

/** Styles to develop on. */
export const DEVELOPMENT: readonly System[] = [
  {
    name: "proxy",
    statements: [
      "{host}:{port} close, {int} bytes[[ ({float} KB)]] sent, {int} bytes[[ ({float} MB)]] received, lifetime {lifetime}",
      "{host}:{port} open through proxy {host}:{port} HTTPS",
      "{host}:{port} error : could not connect through proxy {host}:{port} - status code {status}",
      "{ip}:{port} refused by rule {int}[[ ({size} left)]]",
      "rule {int} reloaded from {file}",
      "VM Started",
      "VM Paused",
      "VM Stopped",
    ],
  },
  {
    name: "logfmt",
    statements: [
      'msg="request served" method={=GET|POST|PUT} path={path} status={status} took={duration}[[ user={user}]][[ trace={hex32}]]',
      'msg="cache miss" key={hex8}[[ shard={int}]]',
      'msg="job finished" job={uuid} rows={int}[[ retries={int}]][[ worker={node}]] ok={bool}',
      'msg="job failed" job={uuid} reason="{=timeout|disk full|broken pipe}"[[ worker={node}]]',
      'msg="config loaded" file={file} version={version}',
      'msg="shutdown requested" signal={int}',
      'msg="shutdown complete" after={duration}',
    ],
  },
  {
    name: "access",
    statements: [
      '{ip} - {=-|<<user>>} "GET {path} HTTP/1.1" {status} {int} "{=-|<<url>>}" {float}',
      '{ip} - {=-|<<user>>} "POST {path} HTTP/1.1" {status} {int} "{=-|<<url>>}" {float}',
      "upstream {ip}:{port} timed out ({int}: Connection timed out) while connecting to {host}",
      "upstream {ip}:{port} prematurely closed connection while reading from {host}",
      "worker process {int} exited with code {int}",
      "worker process {int} exited on signal {int}[[ (core dumped)]]",
    ],
  },
  {
    name: "json",
    statements: [
      '{"level":"info","msg":"order placed","order":"{uuid}","total":{float}[[,"coupon":"{hex8}"]]}',
      '{"level":"info","msg":"payment authorised","order":"{uuid}","card":"{int}"[[,"retry":{int}]]}',
      '{"level":"warn","msg":"payment declined","order":"{uuid}","reason":"{text}"}',
      '{"level":"info","msg":"cart updated","items":[{int},{int}],"user":"{user}"}',
      '{"level":"error","msg":"stock lookup failed","sku":"{hex8}","after":"{duration}"}',
    ],
  },
  {
    name: "scheduler",
    statements: [
      "Job {uuid} finished in {wordyDuration}, next run {=never|in <<wordyDuration>>|at <<clock>>}",
      "Job {uuid} started on {node} with limit {=none|<<size>>|unlimited}",
      "Assigned partitions [{list}] to consumer {hex8}",
      "Revoked partitions [{list}] from consumer {hex8}",
      "Heartbeat from {node} received[[ after {duration}]]",
      "Heartbeat from {node} lost",
      "Queue {service} has {int} waiting jobs (oldest {wordyDuration})",
      "Lease {int} renewed",
      "Lease {int} expired",
    ],
  },
  {
    name: "mail",
    statements: [
      "{hex8}: to=<{email}>,[[ orig_to=<{email}>,]] relay={host}[{ip}]:25, delay={float}, dsn=2.0.0, status=sent ({int} OK {hex8})",
      "{hex8}: from=<{email}>, size={int}, nrcpt={int} (queue active)",
      "connect from {=unknown|<<host>>}[{ip}]",
      "disconnect from {=unknown|<<host>>}[{ip}][[ ehlo={int}]][[ mail={int}]][[ rcpt={int}]] commands={int}",
      "{hex8}: removed",
      "warning: hostname {host} does not resolve to address {ip}",
      "statistics: max connection rate {int}/60s for (smtp:{ip}) at {clock}",
    ],
  },
];

/** Styles never looked at while developing. */
export const HELD_OUT: readonly System[] = [
  {
    name: "database",
    statements: [
      "duration: {float} ms  statement: {text}",
      "connection received: host={ip}[[ port={port}]]",
      "connection authorized: user={plainUser} database={service}[[ application_name={service}]][[ SSL enabled (protocol=TLSv1.3, bits=256)]]",
      "checkpoint complete: wrote {int} buffers ({float}%); {int} WAL file(s) added, {int} removed; write={float} s, sync={float} s",
      "checkpoint starting: time",
      "could not receive data from client: Connection reset by peer",
      "could not send data to client: Broken pipe",
      'relation "{service}_{int}" does not exist at character {int}',
      'automatic vacuum of table "{service}.public.{service}": index scans: {int}',
      'automatic analyze of table "{service}.public.{service}"',
    ],
  },
  {
    name: "firewall",
    statements: [
      "[UFW BLOCK] IN=eth0 OUT= MAC={hex8} SRC={ip} DST={ip} LEN={int} TTL={int} PROTO={=TCP|UDP}[[ SPT={port}]][[ DPT={port}]][[ WINDOW={int}]]",
      "session {int} created from {ip}/{port} to {ip}/{port} zone {int}",
      "session {int} closed, {int} packets[[ ({size})]] in, {int} packets[[ ({size})]] out",
      "login of {plainUser} from {ip} failed[[ ({int} attempts left)]]",
      "login of {plainUser} from {ip} succeeded",
      "interface {=ge|xe}-{int}/{int}/{int} changed state to up",
      "interface {=ge|xe}-{int}/{int}/{int} changed state to down",
      "policy {text} updated by {plainUser}",
    ],
  },
  {
    name: "storage",
    statements: [
      "scrub of pg {int}.{hex8} ok, {int} objects[[, {int} repaired]], took {wordyDuration}",
      "osd.{int} {ip}:{port} reported failed by osd.{int}[[ after {duration}]]",
      "volume {uuid} attached to {node} at {=/dev/sdb|/dev/vdc|/dev/nvme1n1}[[ (read-only)]]",
      "volume {uuid} detached from {node}",
      "snapshot {uuid} of volume {uuid} created, size {size}[[ (incremental, {size} changed)]]",
      "replica {int} is {int} bytes[[ ({wordyDuration})]] behind",
      "balancer: moved {int} of {int} chunks ({percent})",
      "slow request {float} seconds old, received at {clock}: {text}",
      "mon.{node} calling election",
      "mon.{node} is new leader, mons {list} in quorum",
    ],
  },
  {
    name: "game",
    statements: [
      "Player {plainUser}[[ <{text}>]] joined from {ip}",
      "Player {plainUser}[[ <{text}>]] left after {lifetime}",
      "Match {hex8} ended after {lifetime}, score {int}:{int}",
      "Match {hex8} started on map {service} with {int} players",
      "chat <{plainUser}> {text}",
      "Tick took {float} ms[[, {int} ms behind]]",
      "Saving world {service}",
      "Saved world {service} in {duration}",
    ],
  },
  {
    name: "batch",
    statements: [
      "stage {int} ({text}) progress {percent} ETA {=unknown|<<wordyDuration>>}",
      "task {int}.{int} in stage {int} (TID {int}) finished in {int} ms on {host}[[ (executor {int})]] ({int}/{int})",
      "task {int}.{int} in stage {int} (TID {int}) lost on {host}: {text}",
      "block rdd_{int}_{int} stored as values in memory (estimated size {float} KB, free {float} MB)",
      "block broadcast_{int}[[_piece{int}]] removed on {host}:{port}[[ (replica {int})]] (size: {float} KB)",
      "args: {numbers}",
      "memory usage {size} of {=unlimited|<<size>>}",
      "spill {int} to {file}",
      "merging {int} sorted runs[[ from {int} disks]]",
    ],
  },
];
