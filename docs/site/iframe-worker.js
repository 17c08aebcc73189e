// A browser starts no worker from a file. Where the site is opened as files, the search runs in a hidden frame instead.
if (location.protocol === "file:")
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inner = frame.contentWindow;
      inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = inner.document.createElement("script");
      const loaded = new Promise((done) => script.addEventListener("load", done));
      this.postMessage = (data) => loaded.then(() => inner.dispatchEvent(new inner.MessageEvent("message", { data })));
      script.src = url;
      inner.document.body.append(script);
    }
  };
