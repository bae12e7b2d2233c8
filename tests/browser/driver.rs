//! A Chromium without a window, driven through the WebDriver protocol of `chromedriver`: requests
//! and answers are JSON over HTTP.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::is_alive;

/// How long one answer of the driver may take.
const ANSWER: Duration = Duration::from_secs(60);

/// A browser with one page. It ends when this is dropped.
pub struct Browser {
    driver: Child,
    /// What the driver says; it must not meet a closed pipe.
    _said: BufReader<ChildStdout>,
    address: SocketAddr,
    session: String,
    /// The browser's own process, which outlives a driver that is killed.
    process: Option<i32>,
}

/// The paths of the two programs, if both are installed.
pub fn programs() -> Option<(PathBuf, PathBuf)> {
    let path = std::env::var_os("PATH")?;
    let find = |name: &str| {
        std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file())
    };
    Some((find("chromedriver")?, find("chromium")?))
}

impl Browser {
    /// Starts a browser. `dir` takes its profile.
    pub fn start((driver, chromium): &(PathBuf, PathBuf), dir: &Path) -> Self {
        // The driver takes a free port, and says which once it listens there.
        let mut child = Command::new(driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let lines = said.by_ref().lines().map_while(Result::ok);
        let port = |line: String| {
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        };
        let port: u16 = lines.into_iter().find_map(port).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut browser =
            Self { driver: child, _said: said, address, session: String::new(), process: None };
        let profile = dir.join("profile");
        fs::create_dir_all(&profile).unwrap();
        let answer = browser.request(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {
                    "binary": chromium,
                    "args": [
                        "--headless=new", "--no-sandbox", "--disable-gpu",
                        "--disable-dev-shm-usage", "--hide-scrollbars",
                        format!("--user-data-dir={}", profile.display()),
                    ],
                },
            }}}),
        );
        answer["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        let process = answer["capabilities"]["goog:processID"].as_i64();
        browser.process = process.and_then(|process| i32::try_from(process).ok());
        browser
    }

    /// Loads a page.
    pub fn open(&self, url: &str) {
        self.post("url", &json!({ "url": url }));
    }

    /// What a function with this body returns in the page.
    pub fn run(&self, body: &str) -> Value {
        self.post("execute/sync", &json!({"script": body, "args": []}))
    }

    /// The value that the callback of a function with this body is called with.
    pub fn run_async(&self, body: &str) -> Value {
        self.post("execute/async", &json!({"script": body, "args": []}))
    }

    /// The text of the first element that a selector names; empty if there is none.
    pub fn text(&self, selector: &str) -> String {
        let script =
            "const found = document.querySelector(SELECTOR); return found?.innerText ?? '';";
        let text = self.run(&script.replace("SELECTOR", &json!(selector).to_string()));
        text.as_str().unwrap().to_owned()
    }

    /// Clicks on the first element that a selector names.
    pub fn click(&self, selector: &str) {
        let found = self.post("element", &json!({"using": "css selector", "value": selector}));
        let id = found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.post(&format!("element/{id}/click"), &json!({}));
    }

    /// What the browser has written to its console since the last call.
    pub fn console(&self) -> Vec<String> {
        let lines = self.post("se/log", &json!({"type": "browser"}));
        let lines = lines.as_array().unwrap().iter();
        lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    /// A command of Chromium's own protocol.
    pub fn command(&self, name: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({"cmd": name, "params": parameters}))
    }

    /// Makes the page as wide and high as this.
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": width < 600});
        self.command("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Prefers light or dark colours.
    pub fn prefer(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.command("Emulation.setEmulatedMedia", &json!({"features": [feature]}));
    }

    /// Writes a picture of the whole page.
    pub fn picture(&self, path: &Path) {
        let options = json!({"format": "png", "captureBeyondViewport": true});
        let answer = self.command("Page.captureScreenshot", &options);
        let bytes = BASE64.decode(answer["data"].as_str().unwrap().as_bytes()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.request("POST", &format!("/session/{}/{path}", self.session), body)
    }

    /// Sends a request and returns the value of the answer.
    fn request(&self, method: &str, path: &str, body: &Value) -> Value {
        let value = self.try_request(method, path, body).unwrap();
        assert!(value["error"].is_null(), "{path}: {value}");
        value
    }

    fn try_request(&self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        let body = body.to_string();
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(ANSWER))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        // The driver keeps the connection: the length of the answer stands in its head.
        let mut answer = BufReader::new(stream);
        let (mut line, mut len) = (String::new(), 0);
        while answer.read_line(&mut line)? > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                len = value.trim().parse().map_err(io::Error::other)?;
            }
            line.clear();
        }
        let mut text = vec![0; len];
        answer.read_exact(&mut text)?;
        let value: Value = serde_json::from_slice(&text)?;
        Ok(value["value"].clone())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session.
        if !self.session.is_empty() {
            let path = format!("/session/{}", self.session);
            let _ = self.try_request("DELETE", &path, &json!({}));
        }
        if let Some(process) = self.process.filter(|process| is_alive(*process)) {
            let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
