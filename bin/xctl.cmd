@echo off
rem Starts xctl on Windows, from a checkout or a package, with the node on PATH. bin/xctl is its twin for the others.
setlocal
set "main=%~dp0..\dist\main.js"
if not exist "%main%" (
  echo [xctl] error: this checkout is not built: no %main%>&2
  echo [xctl] run: npm install, then: npm run build>&2
  exit /b 1
)
set "major="
for /f "tokens=1 delims=v." %%v in ('node --version 2^>nul') do set "major=%%v"
if not defined major set "major=0"
if %major% LSS 26 (
  echo [xctl] error: xctl needs Node 26 or newer on PATH>&2
  echo [xctl] install it: https://nodejs.org/en/download>&2
  exit /b 1
)
node "%main%" %*
exit /b %errorlevel%
