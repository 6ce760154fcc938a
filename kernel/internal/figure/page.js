(function(id,key,option,width,height,live,theme){
var page=window.latheCharts||(window.latheCharts={drawn:{}});
function baseURL(){
var e=document.getElementById('jupyter-config-data');
if(e){try{var b=JSON.parse(e.textContent).baseUrl;if(b)return b}catch(_){}}
return document.body&&document.body.dataset.baseUrl}
function load(){
if(page.echarts)return page.echarts;
page.echarts=new Promise(function(ok,no){
if(window.echarts&&window.echarts.init)return ok(window.echarts);
var b=baseURL();if(!b)return no(new Error('no notebook server'));
var s=document.createElement('script'),amd=window.define;
function restore(){if(amd&&amd.amd)window.define=amd}
if(amd&&amd.amd)window.define=undefined;
s.onload=function(){restore();window.echarts?ok(window.echarts):no(new Error('no echarts'))};
s.onerror=function(){restore();no(new Error('echarts not served'))};
s.src=b.replace(/\/?$/,'/')+'kernelspecs/lathe/echarts.min.js';
document.head.appendChild(s)});
page.echarts.catch(function(){page.echarts=null});
return page.echarts}
function themed(){
var css=getComputedStyle(document.body),text=JSON.stringify(theme.base);
theme.vars.forEach(function(v){
for(var i=1;i<v.length;i++){var c=css.getPropertyValue(v[i]).trim();
if(c){text=text.split(v[0]).join(c.replace(/["\\]/g,''));break}}});
return JSON.parse(text)}
function follow(echarts,at){
if(!page.themed){page.themed=[];
var recolour=function(){var colours=themed(),now=JSON.stringify(colours);
page.themed.forEach(function(at){
if(at.colours===now)return;
at.colours=now;at.chart.dispose();
at.chart=echarts.init(at.node,colours);
at.chart.setOption(Object.assign({},at.option,{animation:false}))})};
if(window.MutationObserver)new MutationObserver(function(){
[50,300,2000].forEach(function(t){setTimeout(recolour,t)})
}).observe(document.body,{attributes:true,attributeFilter:['data-jp-theme-name']})}
page.themed.push(at)}
function draw(echarts,host){
var at=page.drawn[key];
if(!at||!live.id){
var node=document.createElement('div');
node.style.cssText='width:100%;height:'+height+'px';
host.replaceChildren(node);
at={node:node,chart:echarts.init(node,themed())};
follow(echarts,at);
if(live.id)page.drawn[key]=at;
if(window.ResizeObserver){at.watch=new ResizeObserver(function(){if(node.clientWidth&&!at.chart.isDisposed())at.chart.resize()});at.watch.observe(node)}
}else{host.replaceChildren(at.node)}
if(live.on)option.animation=false;
at.option=option;
at.chart.setOption(option,{notMerge:!live.on,lazyUpdate:live.on});
if(!live.on)delete page.drawn[key]}
function drawAll(echarts){
document.querySelectorAll('[data-lathe-chart="'+id+'"]').forEach(function(host){
if(host.dataset.drawn)return;
var kept=host.innerHTML;
host.dataset.drawn='1';
try{draw(echarts,host)}catch(e){host.innerHTML=kept;console.error('lathe: chart not drawn',e)}})}
if(window.echarts&&page.drawn[key])drawAll(window.echarts);
else load().then(drawAll,function(){});
})
