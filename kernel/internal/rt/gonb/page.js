// Gives scripts in the page the object gonb_comm, which carries values, each under an address, between the
// page and the kernel. They travel as messages of a comm, over a websocket of its own to Jupyter's server.
// instance names the worker, kernel the kernel, and display the output that holds this script.
(function (instance, kernel, display) {
  const all = globalThis.latheGonb || (globalThis.latheGonb = {});
  if (all[instance]) {
    globalThis.gonb_comm = all[instance];
    all[instance].send('#lathe/display', display);
    return;
  }
  for (const other of Object.values(all)) {
    if (other._kernel === kernel) other.close(); // of a worker that is gone
  }
  if (!kernel || !globalThis.WebSocket) {
    console.error('gonb_comm: there is no Jupyter server to speak to');
    return;
  }

  function address() {
    let config = {};
    try {
      config = JSON.parse(document.getElementById('jupyter-config-data').textContent);
    } catch (_) { /* a page of another kind */ }
    const base = config.baseUrl || document.body.dataset.baseUrl || '/';
    const url = new URL((config.wsUrl || base).replace(/\/?$/, '/') + 'api/kernels/' + kernel + '/channels', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    url.searchParams.set('session_id', session);
    if (config.token) url.searchParams.set('token', config.token);
    return url;
  }

  function id() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), b => b.toString(16).padStart(2, '0')).join('');
  }

  const session = id(), comm = id();
  const socket = new WebSocket(address());
  const subscribers = new Map(); // by address, a Map of identifiers to functions
  const values = new Map(); // the last value of each variable, by address
  let waiting = []; // messages until the socket is open; null afterwards

  function post(type, content) {
    const header = {msg_id: id(), msg_type: type, username: '', session: session, date: new Date().toISOString(), version: '5.3'};
    const text = JSON.stringify({header: header, parent_header: {}, metadata: {}, content: content, buffers: [], channel: 'shell'});
    if (waiting) waiting.push(text); else socket.send(text);
  }

  const self = {
    debug: false,
    _kernel: kernel,

    // send sends a value to the kernel.
    send(address, value) {
      log('send', address, value);
      post('comm_msg', {comm_id: comm, data: {address: address, value: value}});
    },

    // subscribe calls callback(address, value) with each value that the kernel sends to the address.
    subscribe(address, callback) {
      const key = Symbol(address);
      if (!subscribers.has(address)) subscribers.set(address, new Map());
      subscribers.get(address).set(key, callback);
      return key;
    },

    // unsubscribe ends the subscription that has this identifier.
    unsubscribe(key) {
      for (const [address, callbacks] of subscribers) {
        if (callbacks.delete(key) && callbacks.size === 0) subscribers.delete(address);
      }
    },

    // newSyncedVariable makes a variable that has the same value here and in the program.
    newSyncedVariable(address, value) {
      return new SyncedVariable(address, value);
    },

    // close ends the connection.
    close() {
      forget();
      try {
        post('comm_close', {comm_id: comm, data: {}});
      } catch (_) { /* the socket is closing */ }
      socket.close();
    },
  };

  function log(...words) {
    if (self.debug) console.log('gonb_comm:', ...words);
  }

  function forget() {
    if (all[instance] === self) delete all[instance];
    if (globalThis.gonb_comm === self) delete globalThis.gonb_comm;
  }

  class SyncedVariable {
    constructor(address, value) {
      this.address = address;
      this.callbacks = new Map();
      this.value = null;
      self.subscribe(address, (_, value) => this.take(value));
      this.set(value);
    }

    // take has a value from the program, which need not be told.
    take(value) {
      if (value === this.value) return false;
      this.value = value;
      values.set(this.address, value);
      for (const callback of [...this.callbacks.values()]) callback(value);
      return true;
    }

    set(value) {
      if (this.take(value)) self.send(this.address, value);
    }

    get() {
      return this.value;
    }

    subscribe(callback) {
      const key = Symbol(this.address);
      this.callbacks.set(key, callback);
      return key;
    }

    unsubscribe(key) {
      this.callbacks.delete(key);
    }
  }

  function receive(data) {
    log('received', data.address, data.value);
    if (data.address === '#comm_open_ack') return;
    if (data.address === '#heartbeat/ping') {
      self.send('#heartbeat/pong', true);
      return;
    }
    if (data.read_request) {
      if (values.has(data.address)) self.send(data.address, values.get(data.address));
      return;
    }
    const callbacks = subscribers.get(data.address);
    if (!callbacks) {
      log('nobody listens to', data.address);
      return;
    }
    for (const callback of [...callbacks.values()]) {
      try {
        callback(data.address, data.value);
      } catch (err) {
        console.error(err);
      }
    }
  }

  socket.onopen = () => {
    const texts = waiting;
    waiting = null;
    post('comm_open', {comm_id: comm, target_name: 'gonb_comm', data: {display: display}});
    for (const text of texts) socket.send(text);
  };
  socket.onclose = forget;
  socket.onerror = () => console.error('gonb_comm: the connection to the kernel has failed');
  socket.onmessage = event => {
    if (typeof event.data !== 'string') return;
    const message = JSON.parse(event.data);
    const type = message.header && message.header.msg_type, content = message.content || {};
    if (content.comm_id !== comm) return;
    if (type === 'comm_msg') receive(content.data || {});
    if (type === 'comm_close') {
      forget();
      socket.close();
    }
  };
  globalThis.addEventListener('pagehide', () => self.close());
  all[instance] = self;
  globalThis.gonb_comm = self;
})
