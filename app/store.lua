-- The life of a job. Every move between states is one function below, run by Redis as one step,
-- so two processes can never both win it. Each answers what happened; the caller must read that.
--
-- Keys, all behind the prefix in KEYS[1]. Times are milliseconds since 1970 on the clock of Redis,
-- the one clock that all dynos share, so a dyno whose clock is off does no harm.
--   job:<id>             hash, the record: kind state queue priority created due since queued started finished
--                        attempt max_attempts starts worker claim cancel request_id
--                        progress cursor result error traceback history schedule acts follow ends lane place
--                        `since`: it could be started from then on, and waits if it is not;
--                        `starts` is the token of the current run: it grows with every start; `claim` is
--                        what the worker said when it took the job, should it have to ask again;
--                        `acts`: what people asked of it, JSON lines of at act by;
--                        `follow`: JSON of the job to record when this one ends: message, and kind queue priority
--                        max_attempts;
--                        `ends`: how often it has; `strange`: how many workers in a row had no code for it;
--                        `ceded`: token of the run that lets the job go on elsewhere under this id
--   log:<id>             list of JSON lines of what the job logged, the last fifty: at level logger message attempt
--   message:<id>         string, what is published to run it: JSON of args, kwargs, options
--   all                  sorted set, id -> created
--   scheduled            sorted set, id -> due
--   queued               sorted set, id -> when it was (re)queued; inf while it waits for its turn in its lane
--   running              sorted set, id -> when its lease ends
--   succeeded failed cancelled   sorted sets, id -> finished
--   idempotency:<key>    string "<digest> <id>", kept for a day
--   follow:<id>          string, `follow` of a job that goes on as another of the same id, until that has a record
--   lane:<name>          sorted set, id -> its place: jobs that are due and have not ended, of which one goes at a time,
--                        whose place is 0 from then on until it has ended
--   lanes                sorted set, key of a lane that got more due jobs and still has to choose its first -> since when
--   wake                 list of ids whose turn has come and that somebody must publish
--   places               number, the last place that was given
--   laned:<id>           string, "<place> <lane>" of a job that goes on as another of the same id
--   bulk:<id>            list of JSON of id message wish: jobs that came together, until each has its record. Before
--                        they are accepted, it expires
--   bulks                sorted set, id -> when they were accepted
--   accepted:<id>        string, that a bulk was; for a minute
--   schedule:<id>        hash, a recurring job: kind params cron timezone queue priority lane created digest version last
--                        last_job;
--                        `version` grows with every change
--   schedules            sorted set, id -> when it is next due; a paused one never is (inf)
--   workers              sorted set, worker -> last heard of
--   worker:<name>        hash, what it said then: since slots busy release; for a day
--   ranked               1 once a job had a priority: then the queued ones are not first in, first out
--   left                 number, when the last worker that stopped did
--   stats:<span>:<n>     hash, counts of the n-th `span` of seconds since 1970: succeeded failed cancelled started,
--                        waited and waited_most (ms until a start), busy and slots (sums over the beats of workers)
--   kinds                set, the kinds that were counted: the first hundred, and `other` for all that came after
--   kind:<name>          hash, for ever, counts of jobs of a kind: is:<state>, how many there are; and how often one was
--                        accepted or ended:<state>, and an attempt:<outcome>; wait:<ms> and run:<ms>, how often one was
--                        started and an attempt ended after no more ms than that (of BUCKETS, or inf), but more than
--                        the step before; wait:sum and run:sum, the ms of all
--   version              number, grows with every change of what a list of jobs shows
--   lock:<name>          string, for a few seconds
--   events               stream, the last ten thousand changes of a job's state: id kind state attempt at
--   on                   hash, "<state>:<kind>", * for any kind -> JSON list of the jobs to record when such a one ends
--                        so: name, and message kind queue max_attempts; `since`: when the worker that said so started
local P = KEYS[1]
local changed = false

local function key(name) return P .. name end
local function job_key(id) return P .. 'job:' .. id end
local function read(id, field) return redis.call('HGET', job_key(id), field) end

-- A worker that was heard of in the last so many milliseconds lives.
local HEARD = 15000

local function clock(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local NOW = clock(ARGV[2])

local STATES = {'scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled'}
local ENDED = {succeeded = true, failed = true, cancelled = true}
local BUCKETS = {10, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 900000, 3600000}
local MOST_KINDS, KIND_BYTES = 100, 100

-- Whoever makes up kinds must not fill Redis, nor what reads these.
local function counted_as(kind)
  if not kind or #kind > KIND_BYTES then kind = 'other' end
  if redis.call('SISMEMBER', key('kinds'), kind) == 1 then return kind end
  if redis.call('SCARD', key('kinds')) >= MOST_KINDS then kind = 'other' end
  redis.call('SADD', key('kinds'), kind)
  return kind
end

-- Add these to the counts of a kind, for metrics.py.
local function count(kind, counts)
  local hash = key('kind:' .. counted_as(kind))
  for name, n in pairs(counts) do redis.call('HINCRBY', hash, name, n) end
end

local function step(ms)
  for _, most in ipairs(BUCKETS) do if ms <= most then return most end end
  return 'inf'
end

-- Into the new place before out of the old one.
local function move(id, to, score)
  local from, kind, attempt = unpack(redis.call('HMGET', job_key(id), 'state', 'kind', 'attempt'))
  redis.call('ZADD', key(to), score, id)
  if from and from ~= to then
    redis.call('ZREM', key(from), id)
    count(kind, {['is:' .. from] = -1})
  end
  redis.call('HSET', job_key(id), 'state', to)
  if from ~= to then
    count(kind, {['is:' .. to] = 1})
    redis.call('XADD', key('events'), 'MAXLEN', '~', 10000, '*',
      'id', id, 'kind', kind or '', 'state', to, 'attempt', attempt or 0, 'at', NOW)
  end
  changed = true
  return to
end

-- Each span of stats, in seconds, and for how long its hashes are of use.
local KEPT = {[60] = 3600 + 120, [900] = 86400 + 1800}

local function tally(counts, most)
  for span, kept in pairs(KEPT) do
    local hash = key('stats:' .. span .. ':' .. math.floor(NOW / 1000 / span))
    for name, n in pairs(counts) do
      if redis.call('HINCRBY', hash, name, n) == n then redis.call('EXPIRE', hash, kept) end -- it may be new
    end
    if most and most > tonumber(redis.call('HGET', hash, 'waited_most') or 0) then
      redis.call('HSET', hash, 'waited_most', most)
    end
  end
end

-- The run that asks still holds the job: by its token, or, where that is not known, by its worker.
local function holds(id, token, worker)
  local f = redis.call('HMGET', job_key(id), 'state', 'starts', 'worker')
  if f[1] ~= 'running' then return false end
  if token ~= '' then return f[2] == token end
  return f[3] == worker
end

-- One more line in a field of the record; the last twenty are kept.
local function add_line(id, field, line)
  local lines = (read(id, field) or '') .. line .. '\n'
  while select(2, lines:gsub('\n', '\n')) > 20 do lines = lines:gsub('^[^\n]*\n', '', 1) end
  redis.call('HSET', job_key(id), field, lines)
end

-- An attempt has ended. -> what a line of the log says of it: {id, kind, attempt, request_id, milliseconds}
local function note(id, outcome, error)
  local f = redis.call('HMGET', job_key(id), 'attempt', 'started', 'worker', 'kind', 'request_id')
  local ran = math.max(0, NOW - (f[2] or NOW))
  count(f[4], {['attempt:' .. outcome] = 1, ['run:' .. step(ran)] = 1, ['run:sum'] = ran})
  add_line(id, 'history', string.format(
    '{"attempt":%s,"started_at":%s,"ended_at":%d,"worker":%s,"outcome":"%s","error":%s}',
    f[1] or '0', f[2] or 'null', NOW, cjson.encode(f[3] or ''), outcome, error ~= '' and error or 'null'))
  return {id, f[4] or '', f[1] or '0', f[5] or '', ran}
end

-- Ids of a set whose time is up. One without a record (somebody deleted it by hand) is dropped from the set.
local function due_of(name, limit, before, of)
  local found = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key(name), '-inf', before, 'LIMIT', 0, limit)) do
    if redis.call('EXISTS', key((of or 'job:') .. id)) == 1 then table.insert(found, id)
    else redis.call('ZREM', key(name), id) end
  end
  return found
end

-- The first of a lane goes, unless one does already. Workers publish it, if it is not whose move this is.
local function advance(lane, own)
  while true do
    local id, place = unpack(redis.call('ZRANGE', lane, 0, 0, 'WITHSCORES'))
    if not id then return end
    local state = read(id, 'state')
    local wants = id == own or state and not ENDED[state]
    if place == '0' and (wants or not state and redis.call('EXISTS', key('laned:' .. id)) == 1) then return end
    if place ~= '0' and wants then
      redis.call('ZADD', lane, 0, id)
      if id == own then return end
      redis.call('HSET', job_key(id), 'since', NOW, 'queued', NOW)
      redis.call('RPUSH', key('wake'), id)
      return move(id, 'queued', NOW)
    end
    redis.call('ZREM', lane, id) -- its record was deleted by hand, or an older release ended it, which has no lanes
  end
end

-- Of a job with a lane, the key of it, in which the job has its place from now on. -> nothing of any other job
local function enter_lane(id)
  local f = redis.call('HMGET', job_key(id), 'lane', 'place')
  if not f[1] then return end
  local lane = key('lane:' .. f[1])
  redis.call('ZADD', lane, 'NX', f[2], id)
  return lane
end

local function goes(lane, id) return redis.call('ZSCORE', lane, id) == '0' end

-- Whether it may run: it has no lane, or its turn has come.
local function has_turn(id)
  local lane = enter_lane(id)
  if lane then advance(lane, id) end
  return not lane or goes(lane, id)
end

local function leave_lane(id)
  local lane = read(id, 'lane')
  if not lane then return end
  lane = key('lane:' .. lane)
  redis.call('ZREM', lane, id)
  advance(lane)
end

-- It waits `since` then; not given: since it was due, or queued before. -> 'queued', or 'waiting' for its turn
local function enqueue(id, since)
  redis.call('HSET', job_key(id), 'queued', NOW)
  if not has_turn(id) then
    move(id, 'queued', 'inf')
    return 'waiting'
  end
  if since then redis.call('HSET', job_key(id), 'since', since) end
  return move(id, 'queued', NOW)
end

local function schedule(id, due)
  redis.call('HSET', job_key(id), 'due', due, 'since', math.max(due, NOW))
  return move(id, 'scheduled', due)
end

local function record(id, message, wish, due)
  redis.call('SET', key('message:' .. id), message)
  redis.call('HSET', job_key(id), 'kind', wish.kind, 'queue', wish.queue, 'created', NOW, 'due', due,
    'attempt', 0, 'max_attempts', wish.max_attempts or '', 'request_id', wish.request_id or '')
  if type(wish.priority) == 'number' and wish.priority > 0 then
    redis.call('HSET', job_key(id), 'priority', wish.priority)
    redis.call('SET', key('ranked'), 1)
  end
  redis.call('ZADD', key('all'), NOW, id)
  count(wish.kind, {accepted = 1})
  local follow = wish.follow or redis.call('GETDEL', key('follow:' .. id))
  if follow then redis.call('HSET', job_key(id), 'follow', follow) end
  local place, lane = (redis.call('GETDEL', key('laned:' .. id)) or ''):match('^(%d+) (.*)$')
  if not lane and wish.lane then place, lane = redis.call('INCR', key('places')), wish.lane end
  if lane then redis.call('HSET', job_key(id), 'lane', lane, 'place', place) end
  if due <= NOW then return enqueue(id, NOW) end
  return schedule(id, due)
end

-- Record a job that the workers are to publish: at once when it is due.
local function leave_to_workers(id, message, wish, due)
  if redis.call('EXISTS', job_key(id)) == 1 then return end
  record(id, message, wish, math.max(due, NOW + 1))
  if due <= NOW and not has_turn(id) then move(id, 'queued', 'inf') end -- they have places in the order that they came
end

-- Record the jobs that are to run when this one has ended.
local function follow_up(id, state)
  local follow, kind, request_id = unpack(redis.call('HMGET', job_key(id), 'follow', 'kind', 'request_id'))
  local told = redis.call('HMGET', key('on'), state .. ':' .. kind, state .. ':*')
  if not (follow or told[1] or told[2]) then return end
  local ends = redis.call('HINCRBY', job_key(id), 'ends', 1)
  if follow then
    follow = cjson.decode(follow)
    follow.request_id = request_id
    leave_to_workers(id .. '-end-' .. ends, follow.message, follow, NOW)
  end
  if id:find('-on-', 1, true) then told[2] = false end -- one for any kind does not hear of its own end
  for _, jobs in ipairs(told) do
    for _, job in ipairs(jobs and cjson.decode(jobs) or {}) do
      local facts = {job = id, kind = kind, state = state}
      local message = job.message:gsub('@(%l+)@', function(word)
        return facts[word] and cjson.encode(facts[word]):sub(2, -2)
      end)
      job.request_id = request_id
      leave_to_workers(id .. '-on-' .. job.name .. '-' .. ends, message, job, NOW)
    end
  end
end

-- Ids of the jobs that a message has come after its own.
local function ids_in(call, found)
  for name, value in pairs(call) do
    if name == 'task_id' and type(value) == 'string' then table.insert(found, value)
    elseif type(value) == 'table' then ids_in(value, found) end
  end
  return found
end

-- A chain goes no further. What was to end it in the place of a job with a lane lets the others go on; should somebody
-- retry what failed, it takes its turn when it comes.
local function give_up_turns(id)
  local message = redis.call('GET', key('message:' .. id)) or ''
  if not (message:find('"chain":', 1, true) or message:find('"chord":', 1, true)) then return end
  local fine, call = pcall(cjson.decode, message)
  for _, next in ipairs(fine and ids_in({call.chain or '', call.chord}, {}) or {}) do
    local lane = (redis.call('GET', key('laned:' .. next)) or ''):match('^%d+ (.*)$')
    if lane then
      redis.call('ZREM', key('lane:' .. lane), next)
      advance(key('lane:' .. lane))
    end
  end
end

local function finish(id, state)
  redis.call('HSET', job_key(id), 'finished', NOW)
  redis.call('HDEL', job_key(id), 'cancel')
  tally({[state] = 1})
  count(read(id, 'kind'), {['ended:' .. state] = 1})
  follow_up(id, state)
  leave_lane(id)
  if state ~= 'succeeded' then give_up_turns(id) end
  return move(id, state, NOW)
end

-- A run that ended without a word: its worker died. Queued again, or failed when no attempt is left. -> as note, and
-- the new state
local function lose(id)
  local f = redis.call('HMGET', job_key(id), 'attempt', 'max_attempts', 'cancel')
  local spent = f[2] ~= '' and tonumber(f[1]) >= tonumber(f[2])
  local error = '{"type":"WorkerLost","message":"The worker died while it ran this job."}'
  local run = note(id, 'lost', error)
  if f[3] then run[6] = finish(id, 'cancelled')
  elseif not spent then run[6] = enqueue(id, NOW)
  else
    redis.call('HSET', job_key(id), 'error', error)
    run[6] = finish(id, 'failed')
  end
  return run
end

-- A run that ends because its worker does. -> as lose
local function interrupt(id)
  local run = note(id, 'interrupted', '')
  redis.call('HINCRBY', job_key(id), 'attempt', -1)
  run[6] = read(id, 'cancel') and finish(id, 'cancelled') or enqueue(id, NOW)
  return run
end

local function forget(id)
  local state, kind = unpack(redis.call('HMGET', job_key(id), 'state', 'kind'))
  for _, name in ipairs({'all', state or 'all'}) do redis.call('ZREM', key(name), id) end
  if state then count(kind, {['is:' .. state] = -1}) end
  redis.call('DEL', job_key(id), key('message:' .. id), key('log:' .. id))
  changed = true
end

-- The same, of a job that goes on as another of this id.
local function make_way(id)
  local f = redis.call('HMGET', job_key(id), 'follow', 'lane', 'place')
  if f[2] then redis.call('SET', key('laned:' .. id), f[3] .. ' ' .. f[2], 'EX', 604800) end
  forget(id)
  if f[1] then redis.call('SET', key('follow:' .. id), f[1], 'EX', 604800) end
end

-- Jobs that wait or run, with those that are accepted and still without a record.
local function waiting()
  local jobs = 0
  for _, state in ipairs({'scheduled', 'queued', 'running'}) do jobs = jobs + redis.call('ZCARD', key(state)) end
  for _, bulk in ipairs(redis.call('ZRANGE', key('bulks'), 0, -1)) do jobs = jobs + redis.call('LLEN', key('bulk:' .. bulk)) end
  return jobs
end

-- Give some of the jobs that came together their records.
local function unfold(limit)
  for _, bulk in ipairs(redis.call('ZRANGE', key('bulks'), 0, 0)) do
    for _, staged in ipairs(redis.call('LRANGE', key('bulk:' .. bulk), 0, limit - 1)) do
      local ours, job = pcall(cjson.decode, staged) -- else somebody has written there by hand
      if ours then leave_to_workers(job[1], job[2], job[3], job[3].due) end
    end
    redis.call('LTRIM', key('bulk:' .. bulk), limit, -1)
    if redis.call('EXISTS', key('bulk:' .. bulk)) == 0 then redis.call('ZREM', key('bulks'), bulk) end
  end
end

-- Where a host says how much memory is used, and may be: the share of it, else 0.
local function fullness()
  local memory = redis.pcall('INFO', 'memory') -- a host may refuse it
  memory = type(memory) == 'string' and memory or ''
  local used, most = tonumber(memory:match('used_memory:(%d+)') or 0), tonumber(memory:match('maxmemory:(%d+)') or 0)
  return most > 0 and used / most or 0
end

local function write_schedule(id, due, fields)
  for name, value in pairs(fields) do redis.call('HSET', key('schedule:' .. id), name, value) end
  redis.call('ZADD', key('schedules'), due, id)
end

local life = {}

-- What a key of a request has made before. -> 'exists' or 'conflict', and its id; or nothing
local function first_of(wish, id)
  local first = wish.idempotency and redis.call('GET', key('idempotency:' .. wish.idempotency))
  if not first then return end
  local first_digest, first_id = first:match('^(%S+) (.+)$')
  if first_id ~= id then return first_digest == wish.digest and 'exists' or 'conflict', first_id end
end

local function remember_first(wish, id)
  if not wish.idempotency then return end
  redis.call('SET', key('idempotency:' .. wish.idempotency), wish.digest .. ' ' .. id, 'EX', 86400)
end

local function told(wish, id) return wish.tell and redis.call('HGETALL', job_key(id)) or {} end

-- Accept a job. -> {state or 'waiting', id, now, its record}, {'exists'|'conflict', id of the first one, now} or
-- {'too many', id, now}
--   wish: JSON of kind, queue, priority, max_attempts, request_id, follow, lane, and
--     tell                  whether its record is wanted
--     due or delay          milliseconds
--     idempotency, digest   a key that may come twice, and what it came with
--     not_after             a command that waited in the socket of a stalled Redis until its caller gave up does nothing
--     most                  no more jobs than so many may wait or run
--     replaces              the token of the run of this id in whose place the new job comes
--   list, wake: where the broker is this Redis, what to push where if the job is queued
function life.submit(id, message, wish, list, wake)
  wish = cjson.decode(wish)
  if wish.not_after and NOW > wish.not_after then return {'too late', id, NOW} end
  local outcome, first = first_of(wish, id)
  if outcome then return {outcome, first, NOW} end
  local ceding = wish.replaces or read(id, 'ceded')
  local starts = ceding and holds(id, ceding) and read(id, 'starts')
  if starts then make_way(id) end
  if redis.call('EXISTS', job_key(id)) == 1 then
    -- Asked again because the answer was lost on its way: whoever asks must still publish it, if we do not.
    return {read(id, 'state') == 'queued' and 'queued' or 'exists', id, NOW, told(wish, id)}
  end
  if wish.most and waiting() >= wish.most then return {'too many', id, NOW} end
  remember_first(wish, id)
  local outcome = record(id, message, wish, wish.due or NOW + wish.delay)
  -- Its runs have tokens of their own: this may be asked again once the first has begun, as the answer was lost.
  if starts then redis.call('HSET', job_key(id), 'starts', starts) end
  if outcome == 'queued' and wake then redis.call('LPUSH', list, wake) end
  return {outcome, id, NOW, told(wish, id)}
end

-- Jobs that come together lie aside until all of them are there. -> how many there are so far
function life.stage(bulk, ...)
  local staged = redis.call('RPUSH', key('bulk:' .. bulk), ...)
  redis.call('EXPIRE', key('bulk:' .. bulk), 60)
  return staged
end

-- Accept them all at once; each gets its record by and by. -> {'accepted', bulk, now}, as submit, or {'gone', …}
--   wish: JSON of count, and as for submit idempotency, digest, not_after, most
function life.accept(bulk, wish)
  wish = cjson.decode(wish)
  if wish.not_after and NOW > wish.not_after then return {'too late', bulk, NOW} end
  local outcome, first = first_of(wish, bulk)
  if outcome then return {outcome, first, NOW} end
  if redis.call('EXISTS', key('accepted:' .. bulk)) == 1 then -- the answer was lost on its way
    return {'accepted', bulk, NOW}
  end
  if redis.call('LLEN', key('bulk:' .. bulk)) ~= wish.count then return {'gone', bulk, NOW} end
  if waiting() + wish.count > wish.most then return {'too many', bulk, NOW} end
  remember_first(wish, bulk)
  redis.call('PERSIST', key('bulk:' .. bulk))
  redis.call('ZADD', key('bulks'), NOW, bulk)
  redis.call('SET', key('accepted:' .. bulk), 1, 'EX', 60)
  return {'accepted', bulk, NOW}
end

-- -> how many bulks have jobs that are still without a record
function life.unfold(limit)
  unfold(limit)
  return redis.call('ZCARD', key('bulks'))
end

-- They are not accepted after all.
function life.unstage(bulk)
  if not redis.call('ZSCORE', key('bulks'), bulk) then redis.call('DEL', key('bulk:' .. bulk)) end
end

-- Claim what is due. -> {milliseconds until the next one is due or -1, ids, ids of schedules to fire}
function life.promote(limit)
  unfold(limit * 5)
  local due, fires = due_of('scheduled', limit, NOW), due_of('schedules', limit, NOW, 'schedule:')
  local ids = {}
  for _, id in ipairs(due) do
    local lane = enter_lane(id)
    if not lane or goes(lane, id) then
      enqueue(id)
      table.insert(ids, id)
    else
      redis.call('ZADD', key('lanes'), 'NX', NOW, lane)
      move(id, 'queued', 'inf')
    end
  end
  if #due < tonumber(limit) then -- all that are due have their places: now the first of each lane is the first
    for _, lane in ipairs(redis.call('ZRANGE', key('lanes'), 0, limit - 1)) do
      redis.call('ZREM', key('lanes'), lane)
      advance(lane)
    end
  end
  for _, id in ipairs(redis.call('LPOP', key('wake'), limit) or {}) do table.insert(ids, id) end
  local wait = redis.call('EXISTS', key('bulks'), key('lanes'), key('wake')) > 0 and 0 or -1
  for _, name in ipairs({'scheduled', 'schedules'}) do
    local at = tonumber(redis.call('ZRANGE', key(name), 0, 0, 'WITHSCORES')[2] or 'inf')
    if at < math.huge and (wait < 0 or at - NOW < wait) then wait = math.max(0, at - NOW) end
  end
  return {wait, ids, fires}
end

-- A worker takes a queued job under a lease. -> {'running', token, attempt, cursor, lane, request_id, milliseconds
-- that it waited}, or {state it is in}.
-- A job that another program put on the broker has no record yet; it gets one here, from message and wish. One that
-- was `recorded` before it was published, and is no more, was deleted: {'gone'}.
function life.start(id, worker, claim, lease, message, wish, recorded)
  if redis.call('EXISTS', job_key(id)) == 0 then
    if recorded == '1' then return {'gone'} end
    life.submit(id, message, wish)
  end
  local f = redis.call('HMGET', job_key(id), 'state', 'claim', 'starts', 'attempt', 'cursor', 'since', 'due', 'lane',
    'kind', 'request_id', 'started')
  if f[1] == 'running' and f[2] == claim then
    return {'running', f[3], tonumber(f[4]), f[5], f[8], f[10], math.max(0, f[11] - (f[6] or f[7]))}
  end
  if f[1] ~= 'queued' or not has_turn(id) then return {f[1]} end
  redis.call('HSET', job_key(id), 'started', NOW, 'worker', worker, 'claim', claim)
  redis.call('HDEL', job_key(id), 'progress', 'error', 'traceback', 'strange')
  local waited = math.max(0, NOW - (f[6] or f[7])) -- as in find.lua, pulse
  tally({started = 1, waited = waited}, waited)
  count(f[9], {['wait:' .. step(waited)] = 1, ['wait:sum'] = waited})
  local token, attempt = redis.call('HINCRBY', job_key(id), 'starts', 1), redis.call('HINCRBY', job_key(id), 'attempt', 1)
  move(id, 'running', NOW + lease)
  return {'running', token, attempt, f[5], f[8], f[10], waited}
end

-- A worker says that it still runs these. -> how many of them are its own
function life.renew(worker, lease, ...)
  local kept = 0
  for _, id in ipairs({...}) do
    if holds(id, '', worker) then
      redis.call('ZADD', key('running'), NOW + lease, id)
      kept = kept + 1
    end
  end
  return kept
end

-- A running job reports, and learns whether to go on. -> 'running', 'cancelled' or 'lost'
function life.checkpoint(id, token, progress)
  if not holds(id, token) then return 'lost' end
  if progress ~= '' then
    redis.call('HSET', job_key(id), 'progress', progress)
    changed = true
  end
  if not read(id, 'cancel') then return 'running' end
  note(id, 'cancelled', '')
  return finish(id, 'cancelled')
end

-- A running job leaves a word for its next attempt. -> 'running' or 'lost'
function life.save(id, token, cursor)
  if not holds(id, token) then return 'lost' end
  redis.call('HSET', job_key(id), 'cursor', cursor)
  return 'running'
end

-- Lines of a job's log, unless Redis is fuller than `share`: what is left is for accepting jobs.
-- -> 'kept', 'full' or 'gone'
function life.log(id, share, seconds, ...)
  if redis.call('EXISTS', job_key(id)) == 0 then return 'gone' end
  if fullness() > tonumber(share) then return 'full' end
  redis.call('RPUSH', key('log:' .. id), ...)
  redis.call('LTRIM', key('log:' .. id), -50, -1)
  redis.call('EXPIRE', key('log:' .. id), seconds)
  return 'kept'
end

-- A running job asks to be tried again. -> 'scheduled', 'cancelled' or 'lost'
function life.try_again(id, token, message, due, delay, error)
  if not holds(id, token) then return 'lost' end
  if error ~= '' then redis.call('HSET', job_key(id), 'error', error) end
  note(id, 'retried', error)
  if read(id, 'cancel') then return finish(id, 'cancelled') end
  due = due ~= '' and tonumber(due) or NOW + tonumber(delay)
  redis.call('SET', key('message:' .. id), message)
  return schedule(id, due)
end

-- A run rejects its message, to have it delivered again. -> 'queued', 'cancelled' or 'lost'
function life.requeue(id, token)
  if not holds(id, token) then return 'lost' end
  note(id, 'rejected', '')
  return read(id, 'cancel') and finish(id, 'cancelled') or enqueue(id, NOW)
end

-- A run that has saved where it is makes way for a stopping worker; the attempt does not count. -> as requeue
function life.interrupt(id, token)
  if not holds(id, token) then return 'lost' end
  return interrupt(id)[6]
end

-- A run finds that it is too early; the attempt does not count. -> 'scheduled', 'cancelled' or 'lost'
function life.put_off(id, token, due, error)
  if not holds(id, token) then return 'lost' end
  note(id, 'put off', error)
  redis.call('HINCRBY', job_key(id), 'attempt', -1)
  if read(id, 'cancel') then return finish(id, 'cancelled') end
  redis.call('HSET', job_key(id), 'error', error)
  return schedule(id, tonumber(due))
end

-- A run has ended. -> the state it ends in, or 'lost'
function life.settle(id, token, worker, state, result, error, traceback)
  if not holds(id, token, worker) then return 'lost' end
  if state == 'failed' and read(id, 'cancel') then state = 'cancelled' end
  if result ~= '' then redis.call('HSET', job_key(id), 'result', result) end
  if error ~= '' then redis.call('HSET', job_key(id), 'error', error, 'traceback', traceback) end
  if state == 'succeeded' then
    redis.call('HDEL', job_key(id), 'cursor')
    redis.call('LTRIM', key('log:' .. id), -20, -1) -- it is of less interest now
  end
  note(id, state, error)
  return finish(id, state)
end

-- A run's job is to go on elsewhere under the same id (Celery's replace): whoever submits it next may take its place,
-- as the last of a short chain does before the run knows that its first was accepted. -> as checkpoint
function life.cede(id, token)
  local verdict = life.checkpoint(id, token, '')
  if verdict == 'running' then redis.call('HSET', job_key(id), 'ceded', token) end
  return verdict
end

-- What it goes on as was accepted; the place is free, unless it was taken since. -> 'dropped' or 'lost'
function life.drop(id, token)
  if read(id, 'ceded') ~= token or not holds(id, token) then return 'lost' end
  make_way(id)
  return 'dropped'
end

-- What is rarer. Redis makes all of a script's functions anew at each call, which takes as long as some commands do: of
-- these, only when one of them is called.
local function others()

-- A stopping worker hands back all that it still has; the attempts do not count. -> the runs, each as of lose
function life.give_back(worker)
  local given = {}
  for _, id in ipairs(redis.call('ZRANGE', key('running'), 0, -1)) do
    if holds(id, '', worker) then
      table.insert(given, interrupt(id))
    end
  end
  return given
end

-- A worker saw the process that ran this job die. -> as lose, or false when it does not hold it
function life.process_died(id, worker)
  if not holds(id, '', worker) then return false end
  return lose(id)
end

-- A worker got a job whose code it does not have: a newer worker may. It fails when `most` in a row have not; until
-- then it costs no attempt, as releases that overlap are not the job's fault. -> the new state
function life.unregistered(id, delay, most)
  local f = redis.call('HMGET', job_key(id), 'state', 'kind')
  if f[1] ~= 'queued' then return f[1] end
  if redis.call('HINCRBY', job_key(id), 'strange', 1) < tonumber(most) then return schedule(id, NOW + delay) end
  redis.call('HSET', job_key(id), 'error', cjson.encode({type = 'NotRegistered',
    message = 'No worker has the code of the kind ' .. f[2] .. '.'}))
  return finish(id, 'failed')
end

-- Look at the lanes of some of the jobs that wait for their turn, of others each time: the first of one may have been
-- ended by a worker of an older release, which has no lanes, or deleted by hand.
local function sweep_lanes(limit)
  local before = redis.call('ZCOUNT', key('queued'), '-inf', '(inf')
  local from = before + NOW % math.max(1, redis.call('ZCARD', key('queued')) - before - limit + 1)
  for _, id in ipairs(redis.call('ZRANGE', key('queued'), from, from + limit - 1)) do
    local lane = enter_lane(id)
    if lane and not redis.call('ZSCORE', key('lanes'), lane) then advance(lane) end -- else promote will, in its time
  end
end

-- What dead workers left: expired leases, and lanes that nobody goes on with. -> the runs, each as of lose
function life.sweep_leases(limit)
  sweep_lanes(limit)
  local swept = {}
  for _, id in ipairs(due_of('running', limit, NOW)) do table.insert(swept, lose(id)) end
  return swept
end

-- How far workers have come, on a broker that does not tell what it holds. As a queue is about first in, first out, what
-- was queued `grace` before that which was taken last is lost; all is, when workers have had room for so long and took
-- nothing. A broker that is not so fair costs few messages too many: the jobs that are taken for lost at a time.
-- -> lost is what was queued before, how many of it at most
local function reached(grace, limit)
  local queued, started, slots = 0, 0, 0
  for _, set in ipairs({'running', 'succeeded', 'failed'}) do
    for _, id in ipairs(redis.call('ZREVRANGE', key(set), 0, 99)) do
      local f = redis.call('HMGET', job_key(id), 'queued', 'started')
      queued, started = math.max(queued, f[1] or 0), math.max(started, f[2] or 0)
    end
  end
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', key('workers'), NOW - HEARD, '+inf')) do
    slots = slots + (redis.call('HGET', key('worker:' .. name), 'slots') or 0)
  end
  if started < NOW - grace and redis.call('ZCARD', key('running')) < slots then return NOW - grace, limit end
  return math.min(queued, NOW) - grace, math.min(limit, slots)
end

-- Jobs whose message was lost. The broker holds `messages`: while those are no fewer than the queued jobs, none
-- is missing; else the oldest are, as a queue is first in, first out. Those queued for less than `grace` may still
-- be on their way. Of a broker that does not tell (-1), see reached, and any that waits for more than `age` may be
-- as well; of the queues named, if any are: nobody may be there to take from others. -> ids to publish again
function life.sweep_queued(limit, grace, age, messages, ...)
  messages, limit = tonumber(messages), tonumber(limit)
  if messages >= 0 then
    limit = math.min(limit, redis.call('ZCOUNT', key('queued'), '-inf', '(inf') - messages)
    local lost = limit > 0 and due_of('queued', limit, NOW - grace) or {}
    for _, id in ipairs(lost) do enqueue(id) end
    return lost
  end
  local before, most = reached(grace, limit)
  if before < NOW - age then before, most = NOW - age, limit end
  local queues, lost = {}, {}
  for _, name in ipairs({...}) do queues[name] = true end
  for _, id in ipairs(due_of('queued', 1000, before)) do
    if #lost < most and (... == nil or queues[read(id, 'queue')]) then
      table.insert(lost, id)
      redis.call('ZADD', key('queued'), NOW, id) -- when it was queued first tells how far workers have come
    end
  end
  return lost
end

-- The same of these, which somebody found to be missing, unless they have moved since. -> ids to publish again
function life.sweep_these(grace, ...)
  local lost = {}
  for _, id in ipairs({...}) do
    if redis.call('EXISTS', job_key(id)) == 0 then redis.call('ZREM', key('queued'), id)
    elseif tonumber(redis.call('ZSCORE', key('queued'), id) or 'inf') <= NOW - grace then
      enqueue(id)
      table.insert(lost, id)
    end
  end
  return lost
end

-- The next of the lane that a job was in. -> its id, to publish, or false
function life.next_in_lane(id)
  local lane = read(id, 'lane')
  local first = lane and redis.call('ZRANGE', key('lane:' .. lane), 0, 0)[1]
  return first and redis.call('LREM', key('wake'), 1, first) == 1 and first
end

-- The broker gave a message that had expired. -> 'cancelled', or false when the job runs or has ended
function life.expire(id, error)
  if read(id, 'state') ~= 'queued' then return false end
  redis.call('HSET', job_key(id), 'error', error)
  return finish(id, 'cancelled')
end

-- What a person may ask of a job. Each answers its new state, or false: too late.
local ask = {}

-- Queued `at_once` by a caller that publishes it; else the workers promote it.
local function wanted_now(id, at_once)
  if at_once == '1' then return enqueue(id, NOW) end
  return schedule(id, NOW)
end

function ask.cancel(id)
  local state = read(id, 'state')
  if state == 'scheduled' or state == 'queued' then return finish(id, 'cancelled') end
  if state ~= 'running' then return false end
  redis.call('HSET', job_key(id), 'cancel', 1) -- it will be at its next checkpoint
  changed = true
  return state
end

function ask.run_now(id, at_once)
  return read(id, 'state') == 'scheduled' and wanted_now(id, at_once)
end

function ask.reschedule(id, _, due)
  return read(id, 'state') == 'scheduled' and schedule(id, tonumber(due))
end

-- Once more, with all its attempts.
function ask.retry(id, at_once)
  local state = read(id, 'state')
  if state ~= 'failed' and state ~= 'cancelled' then return false end
  redis.call('HSET', job_key(id), 'attempt', 0, 'due', NOW)
  redis.call('HDEL', job_key(id), 'error', 'traceback', 'progress', 'finished', 'started', 'strange')
  return wanted_now(id, at_once)
end

function ask.delete(id)
  local state = read(id, 'state')
  if state ~= 'succeeded' and state ~= 'failed' and state ~= 'cancelled' then return false end
  forget(id)
  return 'deleted'
end

-- A person asks this of a job. -> its new state, or false
function life.ask(action, id, by, at_once, due)
  local now = ask[action](id, at_once, due)
  if now and now ~= 'deleted' then
    add_line(id, 'acts', string.format('{"at":%d,"act":"%s","by":%s}', NOW, action, cjson.encode(by)))
  end
  return now
end

-- The same of many. -> ids of those that moved
function life.ask_each(action, by, due, ...)
  local moved = {}
  for _, id in ipairs({...}) do
    if life.ask(action, id, by, '', due) then table.insert(moved, id) end
  end
  return moved
end

-- Keep a recurring job. `id` may come from a key of a request that is sent twice.
-- -> 'created', 'exists', 'conflict' (it came with another digest before) or 'too many'
function life.create_schedule(id, due, most, fields)
  fields = cjson.decode(fields)
  local digest = redis.call('HGET', key('schedule:' .. id), 'digest')
  if digest then return digest == fields.digest and 'exists' or 'conflict' end
  if redis.call('ZCARD', key('schedules')) >= tonumber(most) then return 'too many' end
  redis.call('HSET', key('schedule:' .. id), 'created', NOW, 'version', 1)
  write_schedule(id, due, fields)
  return 'created'
end

-- Change one that was read as `version`. -> 'changed', 'stale' (somebody else did meanwhile) or 'gone'
function life.change_schedule(id, version, due, fields)
  local now = redis.call('HGET', key('schedule:' .. id), 'version')
  if now ~= version then return now and 'stale' or 'gone' end
  redis.call('HINCRBY', key('schedule:' .. id), 'version', 1)
  write_schedule(id, due, cjson.decode(fields))
  return 'changed'
end

-- -> 1, or 0 when there is none
function life.delete_schedule(id)
  redis.call('ZREM', key('schedules'), id)
  return redis.call('DEL', key('schedule:' .. id))
end

-- The occurrence due at `due` becomes a job, and the next one takes its place. -> id of the job; 'no room', then it is
-- due again in a minute; or false when another worker was first or somebody has changed the schedule
--   wish: JSON of what `record` takes, most (as for submit), and of make_room batch and age
function life.fire(id, version, due, next_due, message, wish)
  local at = redis.call('ZSCORE', key('schedules'), id)
  if not at or tonumber(at) ~= tonumber(due) or redis.call('HGET', key('schedule:' .. id), 'version') ~= version then
    return false
  end
  local job = id .. '-' .. due
  wish = cjson.decode(wish)
  if redis.call('EXISTS', job_key(job)) == 0 then
    if waiting() >= wish.most or fullness() >= 1 and life.make_room(wish.batch, 0, wish.age) == 0 then
      redis.call('ZADD', key('schedules'), NOW + 60000, id)
      return 'no room'
    end
    record(job, message, wish, tonumber(due))
    redis.call('HSET', job_key(job), 'schedule', id)
  end
  redis.call('HSET', key('schedule:' .. id), 'last', due, 'last_job', job)
  redis.call('ZADD', key('schedules'), next_due, id)
  return job
end

-- Count anew how many jobs of each kind are in each state, should that not add up: older releases did not count, and
-- somebody may have deleted some by hand.
function life.recount()
  for _, kind in ipairs(redis.call('SMEMBERS', key('kinds'))) do
    for _, state in ipairs(STATES) do redis.call('HDEL', key('kind:' .. kind), 'is:' .. state) end
  end
  for _, state in ipairs(STATES) do
    local kinds = {}
    for _, id in ipairs(redis.call('ZRANGE', key(state), 0, -1)) do
      local kind = read(id, 'kind') or 'other'
      kinds[kind] = (kinds[kind] or 0) + 1
    end
    for kind, n in pairs(kinds) do count(kind, {['is:' .. state] = n}) end
  end
end

-- Forget jobs that ended more than `age` ago. -> how many
function life.trim(limit, age)
  local gone = 0
  for _, state in ipairs({'succeeded', 'failed', 'cancelled'}) do
    for _, id in ipairs(due_of(state, limit, NOW - age)) do
      forget(id)
      gone = gone + 1
    end
  end
  return gone
end

-- Finished jobs that may be forgotten before their time as Redis is fuller than `share`: those that ended more than
-- `age` ago, the oldest first. -> ids
function life.expendable(limit, share, age)
  local found, ended = {}, {}
  for _, state in ipairs(fullness() > tonumber(share) and {'succeeded', 'failed', 'cancelled'} or {}) do
    for _, id in ipairs(due_of(state, limit, NOW - age)) do
      table.insert(found, id)
      ended[id] = tonumber(redis.call('ZSCORE', key(state), id))
    end
  end
  table.sort(found, function(a, b) return ended[a] < ended[b] end)
  return {unpack(found, 1, math.min(#found, tonumber(limit)))}
end

-- Forget them, at once. -> how many
function life.make_room(limit, share, age)
  local ids = life.expendable(limit, share, age)
  for _, id in ipairs(ids) do forget(id) end
  return #ids
end

-- A worker says that it lives, and how many of its slots are busy.
function life.beat(worker, slots, busy, release)
  local own = key('worker:' .. worker)
  redis.call('HSETNX', own, 'since', NOW)
  redis.call('HSET', own, 'slots', slots, 'busy', busy, 'release', release)
  redis.call('EXPIRE', own, 86400)
  tally({slots = tonumber(slots), busy = tonumber(busy)})
  redis.call('ZREMRANGEBYSCORE', key('workers'), '-inf', NOW - 86400000)
  return redis.call('ZADD', key('workers'), NOW, worker)
end

function life.leave(worker)
  redis.call('DEL', key('worker:' .. worker))
  redis.call('SET', key('left'), NOW)
  return redis.call('ZREM', key('workers'), worker)
end

-- What to do when a job ends; nothing else any longer. Of releases that overlap, the worker that started last says it.
function life.subscribe(worker, ...)
  local since = tonumber(redis.call('HGET', key('worker:' .. worker), 'since') or 0)
  if since < tonumber(redis.call('HGET', key('on'), 'since') or 0) then return end
  redis.call('DEL', key('on'))
  redis.call('HSET', key('on'), 'since', since, ...)
end

-- Whoever gets the lock does what one worker is enough for; it ends by itself. -> 1 or false
function life.lock(name, lifetime)
  return redis.call('SET', key('lock:' .. name), 1, 'NX', 'PX', lifetime) and 1
end

end

if not life[ARGV[1]] then others() end
local answer = life[ARGV[1]](unpack(ARGV, 3))
if changed then redis.call('INCR', key('version')) end
return answer
