-- Asks Countersign's check about a request: an action for `http-request`. Needs HAProxy's own HTTP client and nothing else.
--
--   http-request lua.countersign-check http://127.0.0.1:8080/api/auth/v0/check/
--   http-request deny deny_status 503 unless { var(txn.countersign_verdict) -m str active }
--
-- The second line isn't optional. HAProxy goes on with a request when a script fails, so what passes must be a variable that
-- only the last line of this script sets. A client can't set one.

-- HAProxy tries four times before it gives up, so a client waits for four times this.
local TIMEOUT_MS = 500

-- From the check's answer to txn.countersign_…
local CALLER = {
  ["x-auth-username"] = "username",
  ["x-auth-user-id"] = "user_id",
  ["x-auth-account"] = "account",
  ["x-auth-access"] = "access",
  ["x-auth-key-id"] = "key_id",
  ["x-auth-expires-at"] = "expires_at",
}

-- Of a refusal, the client gets these beside status and body.
local PASSED_ON = { "www-authenticate", "content-type", "cache-control", "x-request-id" }

-- HAProxy has a header's values in a table that begins at 0.
local function first(headers, name)
  local values = headers and headers[name]
  return values and values[0]
end

local function all(headers, name)
  local values = {}
  local at = 0
  while headers[name] and headers[name][at] do
    table.insert(values, headers[name][at])
    at = at + 1
  end
  return values
end

core.register_action("countersign-check", { "http-req" }, function(txn, url)
  local asked = {
    ["x-original-method"] = { txn.f:method() },
    ["x-forwarded-for"] = { txn.f:src() },
  }
  -- All of them if there are several: Countersign refuses that, so this script doesn't have to choose one.
  local authorization = all(txn.http:req_get_headers(), "authorization")
  if #authorization > 0 then asked["authorization"] = authorization end

  local answer = core.httpclient():get({ url = url, headers = asked, timeout = TIMEOUT_MS })

  if answer.status == 401 or answer.status == 403 then
    local passed = {}
    for _, name in ipairs(PASSED_ON) do
      local value = first(answer.headers, name)
      if value then passed[name] = { value } end
    end
    txn:done(txn:reply({ status = answer.status, headers = passed, body = answer.body }))
  end

  -- 503, no answer (status 0), or something that isn't Countersign.
  if answer.status ~= 200 or not first(answer.headers, "x-auth-username") then return end

  for header, name in pairs(CALLER) do
    txn:set_var("txn.countersign_" .. name, first(answer.headers, header) or "")
  end
  txn:set_var("txn.countersign_verdict", "active")
end, 1)
