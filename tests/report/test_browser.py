"""Pages in a real browser; skipped where no Chromium is installed."""

import json
import shutil
import time

import pytest

from he2ihc_keras import scoring
from he2ihc_keras.report import write_report
from he2ihc_keras.report.sources import Source
from helpers import noise_image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver"
)

# As far as a file system allows: everything but "/"
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)<!--'


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    # Without the sandbox, as tests may run as root: the pages are our own.
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.add_argument("--hide-scrollbars")  # They would take 15 pixels of the width.
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def open_page(browser, path, width=1280):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1}
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {**metrics, "mobile": width < 500}
    )
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(path.as_uri())


def requests(browser):
    messages = (json.loads(e["message"]) for e in browser.get_log("performance"))
    return [
        message["message"]["params"]["request"]["url"]
        for message in messages
        if message["message"]["method"] == "Network.requestWillBeSent"
    ]


@pytest.mark.parametrize("width", [1280, 390])
def test_page_loads_whole_and_alone(browser, results, width):
    open_page(browser, results.page, width)
    assert browser.get_log("browser") == []
    assert {url for url in requests(browser) if not url.startswith("data:")} == {
        results.page.as_uri()
    }
    pictures = "return [...document.images].map(image => image.naturalWidth)"
    widths = browser.execute_script(pictures)
    assert len(widths) == 12 * 7 and min(widths) > 0
    sizes = "return [document.documentElement.scrollWidth, innerWidth]"
    scrolled, inner = browser.execute_script(sizes)
    assert scrolled == inner == width


def test_run_s_page_fits_a_phone(browser, page_of_run):
    open_page(browser, page_of_run, 390)
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390


def test_plots_are_as_wide_as_a_phone_and_their_text_is_read(browser, results):
    open_page(browser, results.page, 390)
    heights = browser.execute_script(
        "const size = text => parseFloat(getComputedStyle(text).fontSize);"
        "return [...document.querySelectorAll('.plot text')]"
        ".map(text => [text.getScreenCTM(), size(text)])"
        ".map(([matrix, size]) => size * Math.hypot(matrix.a, matrix.b))"
    )
    assert len(heights) > 50 and min(heights) >= 11


def wipe(browser):
    script = "return getComputedStyle(document.querySelector('.stage .above')).clipPath"
    return browser.execute_script(script)


def test_keys_move_the_slider(browser, results):
    from selenium.webdriver.common.keys import Keys

    open_page(browser, results.page)
    slider = browser.find_element("css selector", ".wipe input")
    before = wipe(browser)
    slider.send_keys(Keys.ARROW_RIGHT * 10)
    assert slider.get_attribute("value") == "60"
    assert slider.get_attribute("aria-valuetext") == "60 % real"
    assert wipe(browser) != before


@pytest.mark.parametrize("kind", ["mouse", "touch"])
def test_pointer_moves_the_slider_to_where_it_is(browser, results, kind):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    open_page(browser, results.page)
    stage = browser.find_element("css selector", ".stage")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
    rest = round(stage.size["width"] * 0.3)
    actions = ActionChains(browser, devices=[PointerInput(kind, kind)])
    pointer = actions.w3c_actions.pointer_action
    pointer.move_to(stage).pointer_down().move_to(stage, -rest, 0).pointer_up()
    actions.perform()
    line = browser.find_element("css selector", ".stage .line")
    assert line.rect["x"] - stage.rect["x"] == pytest.approx(
        stage.size["width"] / 2 - rest, abs=0.02 * stage.size["width"]
    )


def test_paper_shows_no_slider_and_folds_nothing(browser, results):
    open_page(browser, results.page)
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    hidden = "return getComputedStyle(document.querySelector('.wipe')).display"
    folded = "return document.querySelectorAll('.legend:not([open])').length"
    try:
        assert browser.execute_script(hidden) == "none"
        assert browser.execute_script(folded) == 0
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


# Hostile names


@pytest.fixture
def hostile_run(run, tmp_path):
    """A run whose names, recipe, history and record all try to run a script."""
    folder = tmp_path / HOSTILE
    shutil.copytree(run, folder)
    pairs = (folder / "pairs.csv").read_text().replace(str(run), "RUN")
    quoted = str(folder).replace('"', '""')
    lines = [line.split(",") for line in pairs.splitlines()]
    text = "\n".join(
        ",".join(f'"{cell.replace("RUN", quoted)}"' for cell in line) for line in lines
    )
    (folder / "pairs.csv").write_text(text + "\n")
    toml = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(f"# </pre>{HOSTILE}</script>\n{toml}")
    history = (folder / "history.csv").read_text().splitlines()
    column = HOSTILE.replace('"', '""')
    history = [f'{history[0]},"{column}</script>$x^"', *(f"{h},1" for h in history[1:])]
    (folder / "history.csv").write_text("\n".join(history))
    record = json.loads((folder / "scores.json").read_text())
    record["source"] = {"run": str(folder), "scored": HOSTILE, HOSTILE: HOSTILE}
    record["sizes"] = {f"</dd>{HOSTILE}": 1}
    record["he2ihc_keras"] = record["slides_from"] = f"</script>{HOSTILE}"
    (folder / "scores.json").write_text(json.dumps(record))
    versions = {"keras": f"</pre>{HOSTILE}", f"</pre>{HOSTILE}": "1"}
    (folder / "versions.json").write_text(json.dumps(versions))
    return folder


def check_harmless(browser, page):
    open_page(browser, page)
    assert browser.get_log("browser") == []
    foreign = (
        "const count = what => document.querySelectorAll(what).length;"
        "return [count('script'), count('[onerror]'), count('img[src=\"x\"]')]"
    )
    assert browser.execute_script(foreign) == [1, 0, 0]
    assert HOSTILE in browser.execute_script("return document.body.textContent")
    text = page.read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert text.count("<script") == text.count("</script") == 1


def test_hostile_texts_of_a_run_stay_text(browser, hostile_run, tmp_path):
    page = tmp_path / "page.html"
    assert write_report(hostile_run, page, command=HOSTILE) == ""
    check_harmless(browser, page)
    drawn = "return [...document.querySelectorAll('svg text')].map(x => x.textContent)"
    assert any(HOSTILE in text for text in browser.execute_script(drawn))


def test_hostile_file_names_stay_text(browser, tmp_path):
    from he2ihc_keras.data.images import write_image

    for folder in ("fake", "ihc"):
        (tmp_path / folder).mkdir()
        for number in range(3):
            name = f"{number}{HOSTILE}.png"
            write_image(tmp_path / folder / name, noise_image(16, 16, number))
    folders = scoring.Folders(tmp_path / "fake", tmp_path / "ihc")
    csv = tmp_path / "scores.csv"
    _, scores = scoring.score_folders(folders)
    scoring.write_scores(csv, scores, folders.as_source())
    assert write_report(csv, tmp_path / "page.html") == ""
    assert all(HOSTILE in i.name for i in Source.read(csv).scores.images)
    check_harmless(browser, tmp_path / "page.html")


def test_answers_that_are_ticked_on_a_sheet_are_saved(browser, tmp_path):
    from he2ihc_keras.report.sheet import write_sheet
    from he2ihc_keras.scoring import Generated
    from he2ihc_keras.scoring.levels import read_answers

    patches = [Generated("a", "2+", noise_image(16, 16), noise_image(16, 16, 1))]
    written = write_sheet(patches, tmp_path / "sheet", tmp_path / "key.csv", seed=0)
    open_page(browser, written.page)
    downloads = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", downloads)
    for box in ("level-1", "level-2", "real-2"):
        browser.execute_script(f"document.querySelector('[name={box}]').click()")
    browser.find_element("id", "save").click()
    assert "Saved as" in browser.find_element("id", "done").text
    [saved] = _appears(tmp_path, "sheet_*.csv")
    answers = read_answers(saved, written.key)
    assert (answers.blank, browser.get_log("browser")) == (0, [])
    assert sum(map(len, answers.called_real.values())) == 1


def _appears(folder, pattern):
    deadline = time.monotonic() + 10
    while not (found := list(folder.glob(pattern))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
