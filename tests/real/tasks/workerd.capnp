# SPDX-License-Identifier: Apache-2.0
# workerd serve workerd.capnp --socket-addr http=127.0.0.1:PORT
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ (name = "main", worker = (serviceWorkerScript = embed "workerd.js", compatibilityDate = "2024-01-01")) ],
  sockets = [ (name = "http", http = (), service = "main") ]
);
