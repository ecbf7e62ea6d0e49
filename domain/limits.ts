/** Every bound of the system in one place. Durations carry their unit in their name. Sources: api.md, engine.md, and Cloudflare's limits pages. */

export const limits = {
  /** Lengths and counts of what clients send. */
  nameLength: 255,
  descriptionLength: 1024,
  tags: 16,
  poolsPerGslb: 20,
  locationsPerPool: 50,
  membersPerPool: 1000,
  endpointsPerMember: 16,
  monitorsPerAttachment: 8,
  flavorsPerGslb: 4,
  checkRegions: 16,
  /** What the checks of a project may ask of one host, from everywhere together. */
  checksPerSecondPerTarget: 10,
  headers: 32,
  expectedCodes: 32,
  dnsAnswers: 32,
  headersBytes: 8 * 1024,
  payloadBytes: 16 * 1024,
  receiveStringBytes: 1024,
  caCertBytes: 32 * 1024,
  sendBytes: 16 * 1024,
  maxRedirects: 20,
  jsonAssertions: 16,
  jsonPathLength: 256,
  jsonPathSteps: 32,
  usernameBytes: 255,
  passwordBytes: 1024,
  bearerTokenLength: 4096,
  urlPathLength: 2048,
  bodyBytes: 64 * 1024,
  bulkBodyBytes: 1024 * 1024,
  /** How deep a body may nest; the deepest that any resource needs is 4. */
  bodyDepth: 32,
  /** How many mistakes of one request are listed. */
  problemErrors: 100,
  /** A marker holds a sort value, at the longest a name, in base64. */
  markerLength: 4096,
  pageSize: 100,
  pageSizeMax: 1000,
  maxAnswers: 100,
  /** What a provider with static record sets can hold of one type at one name. */
  staticAnswersMax: 50,

  /** How long the API remembers which agents there are. */
  agentsCacheMs: 5_000,
  /** A monitor's test waits for its regions this much longer than its timeout. */
  testGraceMs: 8_000,
  /** One heartbeat a second is enough; whose secret is whose, the API remembers for so long, of so many monitors. */
  heartbeatMs: 1_000,
  heartbeatCacheMs: 30_000,
  heartbeatCacheMonitors: 10_000,

  /** How often a PATCH without If-Match is tried again when somebody else wrote in between. */
  patchAttempts: 5,
  /** `/readyz`: results older than this on their way through the queue are not well; it asks so many projects' Engines at the most. */
  queueLagSeconds: 60,
  readyEngines: 10,

  /** That an agent was seen is noted this often; its poll waits at most so long; a report holds so many parts, each of at most `shardTargets`. */
  agentSeenMs: 60_000,
  agentWaitSeconds: 55,
  /** An agent whose last note is older is not at work: a poll that begins just before a note is due is noted by the next one. */
  agentSilentMs: 120_000,
  agentReports: 20,

  /** History is kept this long, or the newest so many events of one GSLB. */
  historyDays: 30,
  historyEventsPerGslb: 10_000,

  /** A Prober owns five of the six connections that one invocation may have waiting; the sixth is the queue's. */
  proberSlots: 5,
  /** A shard takes targets while the sum of timeout ÷ delay is at most this: the fifth slot is kept for confirmations. */
  shardLoad: 4,
  shardTargets: 100,
  /** A checker call that has not come back this long after its timeout is lost; its checks are `no_data`. */
  checkerGraceMs: 5_000,
  /** A check that ends this long after its deadline was held up by the checker: `no_data`. */
  checkLateMs: 1_000,
  /** A checker reads its own place at most this often; after a failure again this soon; and waits for it this long. */
  coloFreshMs: 600_000,
  coloRetryMs: 60_000,
  coloTimeoutMs: 1_000,
  /** After a late alarm, or a while without a Prober, a tick that is no older than this is still run. */
  catchUpMs: 5_000,
  /** A clock that goes back by more than this was set; by less, it is the same time again. */
  clockBackMs: 1_000,
  /** A Prober that takes checks over is waited for this long, before the one that had them is told to give them away. */
  handoverMs: 30_000,
  /** Anchors are checked by one shard of each region, within a slot's time: so few, so often, so long; what is older is not heard. */
  anchors: 4,
  anchorDelayMs: 10_000,
  anchorTimeoutMs: 2_000,
  anchorFreshMs: 30_000,
  /** What one agent checks at the most. It waits for work at most this long; a confirmation or a test that it does not fetch is dropped. */
  agentChecks: 5_000,
  agentPollMs: 30_000,
  agentConfirmations: 1_000,
  /** A test by an agent that has not come back this long after its timeout is given up. */
  agentTestGraceMs: 10_000,
  /** How many projects the watchdog looks after at a time. */
  watchdogParallel: 4,
  /** How much of a response a check reads at the most. */
  checkBodyBytes: 64 * 1024,
  checkHeadBytes: 32 * 1024,
  /** How many frames of HTTP/2 a check reads, for an answer of a few. */
  http2Frames: 1_000,
  checkHeaders: 256,
  /** A mail server's reply (RFC 5321, 4.5.3.1.5 asks for 512), and what an SSH server says before its name (RFC 4253, 4.2: 255 for that itself). */
  checkReplyLines: 100,
  checkReplyLineBytes: 2 * 1024,
  checkBannerLines: 1_024,
  checkInterimAnswers: 16,
  checkUrlLength: 4096,
  /** What a monitor's test shows of a body. */
  bodyExcerptBytes: 1024,
  checkDetailLength: 200,

  /** A series keeps its newest results, so that late ones can be put where they belong. */
  seriesWindow: 16,
  /** A tick further ahead of the Engine's clock than this is `no_data`. */
  tickAheadMs: 5_000,
  /** A new (endpoint, monitor, region) is checked within this. */
  firstCheckMs: 2_000,
  /** A GSLB first publishes at the latest this long after it first had a pool with a member. */
  firstPublishMaxMs: 60_000,
  /** How often, at most, the regions are compared with each other. */
  diagnosisMs: 1_000,
  /** A sick region gets its vote back after two cycles of agreement, or this long where a cycle is longer. */
  recoveryMaxMs: 600_000,
  /** How many different warnings of a member are named in its reason. */
  warningsNamed: 3,
  /** A replaced address stays published at most this long while its successor has not been judged. */
  replacedAddressMs: 60_000,
  /** The Engine's alarm comes, and what is only in memory is written, at least this often; of few series this much more often. */
  checkpointMs: 60_000,
  checkpointMinMs: 5_000,
  checkpointSeriesMs: 5,
  /** From the second fall within so long on, a penalty is added; it halves for each such time up. */
  dampingMs: 600_000,
  penaltyBaseMs: 10_000,
  penaltyMaxMs: 1_800_000,
  /** An override's end is announced this long before. */
  overrideNoticeMs: 900_000,
  /** The Engine forgets an override this long after its end. */
  overrideForgetMs: 86_400_000,
  /** Retries of a write to a backend, or to the Conductor, are at most this far apart. */
  retryMaxMs: 60_000,
  retryBaseMs: 500,
  /** What was tried so often is suspected, where a write failed as a whole, and waits while the whole flavor fails. */
  suspectAttempts: 3,
  /** A provider's Retry-After is believed up to this. */
  retryAfterMaxMs: 3_600_000,
  /** How long a backend may take for one batch of writes, or to read a batch; before a write it is waited for only this long. */
  writeDeadlineMs: 10_000,
  readDeadlineMs: 10_000,
  readBeforeWriteMs: 1_000,
  /** Of the six connections that an invocation may have waiting, the backends' together; the others are for names to be resolved. */
  backendConnections: 4,
  /** A flavor that may write to every zone is tried at this many of those that it has names in. */
  triedZones: 5,
  /** A new configuration waits this long, at the most, for the Conductor to say what the flavors are that it names first. */
  flavorWaitMs: 2_000,
  /** How many GSLBs of a project that had a name before, and may have left a plan there, are remembered. */
  formerGslbs: 8,
  /** What a provider still hands out to its servers is read again after the first, then ever later, at most the second apart. */
  pendingMinMs: 1_000,
  pendingMaxMs: 5_000,
  /** What is live is compared with what was written this often; where it drifted within the last ten minutes, this often. */
  driftIntervalMs: 300_000,
  driftAgainMs: 60_000,
  /** A name that drifts so often within so long is fought over; a change in a time of so long without Kosmos was made by hand. */
  conflictDrifts: 3,
  conflictMs: 600_000,
  quietMs: 600_000,

  /** Octavia is asked for a load balancer's status this often, and where a member answers this often; of many, one in so long. So many at a time. */
  octaviaPollMs: 5_000,
  cloudResolveMs: 30_000,
  cloudSpacingMs: 50,
  cloudParallel: 8,
  /** A cloud is waited for this long; who refuses, or is away, is asked again at most so much later. */
  cloudDeadlineMs: 5_000,
  cloudRetryMaxMs: 30_000,

  /** A host name is resolved again after its TTL, within these; it is asked this long; so many are asked at a time, for two families each. */
  resolveMinSeconds: 5,
  resolveMaxSeconds: 300,
  resolveDeadlineMs: 5_000,
  resolveParallel: 1,

  /** The `edge` backend: how many Answers objects share the names, how long a Worker may remember an answer, the negative TTL. */
  answersObjects: 16,
  answersCacheMs: 1_000,
  /** A PowerDNS asks for many clients, several times for one question, and remembers answers itself: it waits this much less for a failover. */
  pdnsCacheMs: 200,
  negativeTtlSeconds: 5,
  /** DNS over HTTPS: the longest message, how long an Answers object may take, and what an isolate remembers for when it does not answer. */
  dnsMessageBytes: 65_535,
  /** Of all sections together: a name in a message can be a chain of thousands of pointers, and each record has one. */
  dnsRecords: 1_000,
  answersDeadlineMs: 2_000,
  answersCacheNames: 1_000,
  answersStaleMs: 300_000,
  /** The TTL of stale answers (RFC 8767, section 5). */
  staleTtlSeconds: 30,

  /** A Queues message is at most 128 KB; D1 binds at most 100 parameters in a statement. */
  queueMessageBytes: 128_000,
  d1Parameters: 100,
} as const;
