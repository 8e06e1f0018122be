-- SPDX-License-Identifier: Apache-2.0
-- For wrk: writes keys into etcd, each another one: `wrk … -s writes.lua URL -- FIRST`.

dofile "tests/real/tasks/answers.lua"

local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local n

-- Base64 of a text of whole groups of three bytes.
local function base64(text)
    return (text:gsub("...", function(three)
        local a, b, c = three:byte(1, 3)
        local all, word = a * 65536 + b * 256 + c, ""
        for _ = 1, 4 do
            word = digits:sub(all % 64 + 1, all % 64 + 1) .. word
            all = math.floor(all / 64)
        end
        return word
    end))
end

function init(arguments) n = tonumber(arguments[1]) end

function request()
    n = n + 1
    return wrk.format("POST", "/v3/kv/put", nil,
        ('{"key":"%s","value":"%s"}'):format(base64(("key%09d"):format(n)), base64 "valued"))
end

function response(status) count(status == 200) end
