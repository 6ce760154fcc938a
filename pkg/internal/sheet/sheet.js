(function(id,unit){
var page=window.latheSheets||(window.latheSheets={});
var state=page[id]||(page[id]={filter:'',column:'',down:false});
var step={ns:1e-9,us:1e-6,'µs':1e-6,ms:1e-3,s:1,m:60,h:3600};
function number(text){
if(/^[+-]?inf(inity)?$/i.test(text))return text[0]==='-'?-Infinity:Infinity;
if(/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text))return Number(text);
if(!/^-?(\d+(\.\d+)?(h|ms|m|s|µs|us|ns))+$/.test(text))return NaN;
var sum=0;
text.replace(/(\d+(?:\.\d+)?)(h|ms|m|s|µs|us|ns)/g,function(_,n,u){sum+=n*step[u]});
return text[0]==='-'?-sum:sum}
function cell(td){
var key=td.dataset.key===undefined?td.textContent.trim():td.dataset.key;
var n=number(key);
return {key:key,n:n,text:td.textContent.trim().toLowerCase(),odd:key!==''&&n!==n&&!/^nan$/i.test(key)}}
function order(c,down,words){
var sign=down?-1:1;
function rank(x){return x.key===''?2:!words&&x.n!==x.n?1:0}
return function(a,b){
var x=a.cells[c],y=b.cells[c],r=rank(x)-rank(y);
if(r||rank(x))return r||a.place-b.place;
r=words?x.key.localeCompare(y.key,undefined,{numeric:true}):x.n-y.n;
return sign*(r||0)||a.place-b.place}}
function build(host){
var again=[];
var table=host.querySelector('table'),box=table.parentNode,body=table.tBodies[0];
var heads=[].slice.call(table.tHead.rows[0].cells);
var names=heads.map(function(h){return h.textContent.trim().replace(/ [↓↑]$/,'')});
var rows=[].map.call(body.rows,function(tr,i){return {tr:tr,place:i,cells:[].map.call(tr.cells,cell)}});
var words=names.map(function(_,c){return rows.some(function(r){return r.cells[c].odd})});
function column(name){
name=name.toLowerCase();
var is=function(n){return n.toLowerCase()===name},begins=function(n){return n.toLowerCase().indexOf(name)===0};
var c=names.findIndex(is);
return c>=0?c:names.findIndex(begins)}
function holds(op,want){
var n=number(want),low=want.toLowerCase();
return function(x){
if(op===':')return x.text.indexOf(low)>=0;
if(x.n!==x.n||n!==n){
var same=x.key===want||x.text===low;
return op==='='?same:op==='!='&&x.key!==''&&!same}
switch(op){case '<':return x.n<n;case '<=':return x.n<=n;case '>':return x.n>n;
case '>=':return x.n>=n;case '!=':return x.n!==n}
return x.n===n}}
function term(text,unknown){
var m=/^(.+?)(<=|>=|!=|<|>|=|:)(.*)$/.exec(text),low=text.toLowerCase();
var any=function(r){return r.cells.some(function(x){return x.text.indexOf(low)>=0})};
if(!m)return any;
if(m[1]==='since'&&m[2]===':'){m=['','when','>=',String(Date.now()/1000-number(m[3]))]}
var c=column(m[1]);
if(c<0){if(m[2]===':')return any;unknown.push(m[1]);return null}
if(m[3]===''||m[3]==='NaN')return null;
var test=holds(m[2],m[3]);
return function(r){return test(r.cells[c])}}
var bar=document.createElement('div'),input=document.createElement('input'),count=document.createElement('span');
bar.style.cssText='display:flex;flex-wrap:wrap;align-items:baseline;gap:.8em;margin:.2em 0 .4em;font-size:90%';
bar.setAttribute('data-lm-suppress-shortcuts','');
input.type='search';input.value=state.filter;input.spellcheck=false;
var counted=names.find(function(n,c){return n&&!words[c]&&rows.length&&rows[0].cells[c].key!==''});
input.placeholder='filter: words'+(counted?', '+counted+'<='+rows[0].cells[names.indexOf(counted)].key:'')+', '+names[0]+':…';
input.title='Words that a row holds, and comparisons: column<=number, column!=number, column:word; all must hold';
input.setAttribute('aria-label','filter the '+unit);
input.style.cssText='flex:0 1 24em;font:inherit;padding:2px 6px;color:inherit;background:var(--jp-input-background,transparent);'+
'border:1px solid var(--jp-border-color1,rgba(128,128,128,.6));border-radius:3px';
count.setAttribute('role','status');count.style.opacity='.75';
bar.append(input,count);
if(rows.length>5||state.filter)host.insertBefore(bar,host.firstChild);
function show(){
var unknown=[],tests=state.filter.split(/\s+/).filter(Boolean).map(function(t){return term(t,unknown)}).filter(Boolean);
var c=names.indexOf(state.column),list=rows.slice(),shown=0;
if(c>=0)list.sort(order(c,state.down,words[c]));
list.forEach(function(r){
var ok=tests.every(function(t){return t(r)});
r.tr.style.display=ok?'':'none';if(ok)shown++;
body.appendChild(r.tr)});
heads.forEach(function(h,i){
if(!h.arrow)return;
h.arrow.textContent=i!==c?'':state.down?' ▼':' ▲';
h.setAttribute('aria-sort',i!==c?'none':state.down?'descending':'ascending')});
input.setAttribute('aria-invalid',String(unknown.length>0));
count.textContent=(shown<rows.length?shown+' of ':'')+rows.length+' '+unit+
(unknown.length?'; there is no column '+unknown.join(', '):'')}
heads.forEach(function(h,i){
if(!names[i])return;
var button=document.createElement('button'),arrow=document.createElement('span');
button.type='button';button.textContent=h.textContent;
button.title='sort by '+names[i];
button.style.cssText='background:none;border:0;margin:0;padding:0;color:inherit;font:inherit;cursor:pointer';
arrow.setAttribute('aria-hidden','true');arrow.style.fontSize='70%';
button.appendChild(arrow);
h.replaceChildren(button);h.arrow=arrow;
button.onclick=function(){
if(state.column!==names[i]){state.column=names[i];state.down=false}
else if(!state.down)state.down=true;
else state.column='';
show()};
watch(button,'head '+names[i])});
table.tHead.setAttribute('data-lm-suppress-shortcuts','');
function watch(node,what){
node.onfocus=function(){state.focus=what};
node.onblur=function(){setTimeout(function(){
if(node.isConnected&&state.focus===what&&document.activeElement!==node)state.focus=''})};
function restore(){
if(state.focus!==what||document.activeElement!==document.body||!node.isConnected)return;
node.focus({preventScroll:true});
if(node===input&&state.caret)input.setSelectionRange(state.caret[0],state.caret[1])}
again.push(restore)}
function caret(){state.caret=[input.selectionStart,input.selectionEnd]}
input.onselectionchange=input.onkeyup=input.onclick=caret;
input.oninput=function(){state.filter=input.value;caret();show()};
watch(input,'filter');
if(rows.length>25&&host.closest('.jp-NotebookPanel')){
box.style.maxHeight='40em';box.style.overflow='auto';
heads.forEach(function(h){h.style.position='sticky';h.style.top=0;
h.style.background='var(--jp-layout-color0,Canvas)';h.style.zIndex=1})}
box.onscroll=function(){state.scroll=[box.scrollLeft,box.scrollTop]};
show();
if(state.scroll){box.scrollLeft=state.scroll[0];box.scrollTop=state.scroll[1]}
again.forEach(function(f){f();setTimeout(f)})}
document.querySelectorAll('[data-lathe-sheet="'+id+'"]').forEach(function(host){
if(host.dataset.built)return;
host.dataset.built='1';
build(host)});
})
